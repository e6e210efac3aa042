/** `ipam audit` */
import type { ExitCode } from '../shell.ts'
import type { AuditBody } from './bodies.ts'
import { UsageError } from './client-error.ts'
import { AUDIT_COLUMNS } from './columns.ts'
import type { Invocation } from './invocation.ts'
import { limitOf } from './network.ts'
import { type ListPage, pagesOf } from './pages.ts'
import { addressOf, timeOf } from './values.ts'

const ROWS = 100
/** They are in memory together: pages come newest first, and are shown oldest first. */
const ROWS_MAX = 100_000
const PAGE_ROWS = 10_000

export async function listAudit({ api, args, output, shell }: Invocation): Promise<ExitCode> {
  const ip = args.text('ip')
  const limit = limitOf(args) ?? ROWS
  if (limit > ROWS_MAX) throw new UsageError(`--limit is at most ${ROWS_MAX}; go on with --until`)
  const now = shell.wallTime()
  const params = {
    namespace: args.text('namespace'),
    resource: args.text('resource'),
    action: args.text('action'),
    user: args.text('by'),
    ip: ip === null ? null : addressOf(ip, '--ip'),
    request_id: args.text('request-id'),
    since: timeOf(args, 'since', { now, direction: -1 }),
    until: timeOf(args, 'until', { now, direction: -1 }),
  }
  const pages: ListPage<AuditBody>[] = []
  for await (const page of pagesOf<AuditBody>(api, '/audit', params, { limit, pageRows: PAGE_ROWS })) {
    pages.unshift(page)
  }
  await output.pages(AUDIT_COLUMNS, inTurn(pages))
  return 0
}

async function* inTurn<T>(values: readonly T[]): AsyncGenerator<T> {
  yield* values
}
