import { z } from 'zod'
import { AuditParams } from '../../audit.ts'
import { AllocationExportParams, NetworkExportParams } from '../../export.ts'
import { ImportParams } from '../../import.ts'
import { AuditEntry, ImportReport } from '../../shapes.ts'
import { AUDIT_ENTRY } from '../examples.ts'
import { jsonAnswer, NO_EXAMPLE, type Operation, READ, type Success, WRITE } from '../operation.ts'

const tag = 'Files'
const FILE: Success = {
  status: 200,
  description: 'The file, as it is read: no snapshot.',
  content: { 'text/csv': null, 'application/jsonl': null },
  headers: ['Content-Disposition'],
}

export const FILE_OPERATIONS: readonly Operation[] = [
  {
    ...READ,
    id: 'exportNetworks',
    path: '/api/v1/networks/export',
    tag,
    summary: 'Export networks',
    description: 'As CSV or JSON lines, with the filters of the list.',
    query: NetworkExportParams,
    success: FILE,
    example: {
      ...NO_EXAMPLE,
      query: { format: 'csv', namespace: 'default' },
      answer:
        'id,cidr,namespace,description,tags,gateway,reserved,cooldown_seconds,strategy,metadata,created_at,updated_at\n',
    },
  },
  {
    ...READ,
    id: 'exportAllocations',
    path: '/api/v1/allocations/export',
    tag,
    summary: 'Export allocations',
    description: 'As CSV or JSON lines, with the filters of the list.',
    query: AllocationExportParams,
    success: FILE,
    example: {
      ...NO_EXAMPLE,
      query: { format: 'jsonl', tag: 'web' },
      answer:
        '{"ip":"10.0.0.10","cidr":"10.0.0.0/16","namespace":"default","hostname":"web-01.example.com"}\n',
    },
  },
  {
    ...WRITE,
    id: 'importFile',
    method: 'POST',
    path: '/api/v1/import',
    tag,
    summary: 'Import a file',
    description:
      'What exports write, CSV of NetBox and phpIPAM, and hosts files: at most 1,000 rows and 1 MiB, in one step of the log.',
    query: ImportParams,
    body: { schema: null, mediaType: 'text/plain', isRequired: true },
    success: jsonAnswer(200, ImportReport, 'What came of the rows.'),
    reasons: ['batch_refused', 'too_many_rows', 'invalid_value'],
    example: {
      ...NO_EXAMPLE,
      query: { on_conflict: 'skip' },
      body: 'address,status,dns_name\n10.0.9.1/24,active,nb-01\n',
      answer: {
        format: 'netbox-ip-addresses',
        dry_run: false,
        created: 1,
        skipped: 0,
        failed: 0,
        errors: [],
      },
    },
  },
  {
    ...READ,
    id: 'listAudit',
    path: '/api/v1/audit',
    tag: 'Audit',
    summary: 'Read the audit log',
    description:
      'The newest rows, in the order of the log; Link leads to older ones. With after_index, the oldest after it, and Link leads to newer ones.',
    query: AuditParams,
    success: jsonAnswer(200, z.array(AuditEntry), 'A page of it.', ['Link', 'X-Total-Count']),
    reasons: ['invalid_cursor'],
    example: { ...NO_EXAMPLE, query: { action: 'ip_allocated', limit: 1 }, answer: [AUDIT_ENTRY] },
  },
]
