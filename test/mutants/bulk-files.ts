import { type Mutant, testFile } from './mutant.ts'

const CSV = testFile('test/bulk/csv.test.ts')
const OUR_FILES = testFile('test/bulk/ipam.test.ts')
const FOREIGN = testFile('test/bulk/foreign.test.ts')
const IMPORT = testFile('test/http/import.test.ts')
const CLIENT_BULK = testFile('test/cli/client-bulk.test.ts')

const WRITER = 'src/bulk/csv-writer.ts'
const READER = 'src/bulk/csv-reader.ts'

/** Files in and out: no row lost, changed, named wrong, or made twice. */
export const BULK_FILES: readonly Mutant[] = [
  {
    name: 'a quote in a field of an export is written as it is',
    source: 'RFC 4180 §2.7',
    file: WRITER,
    find: `\`"\${field.replaceAll('"', '""')}"\``,
    replace: `\`"\${field}"\``,
    caughtBy: CSV,
  },
  {
    name: 'a line break in a field of an export ends the row',
    source: 'RFC 4180 §2.6',
    file: WRITER,
    find: `const NEEDS_QUOTES = /[",;\\t\\r\\n\\ufeff]/`,
    replace: `const NEEDS_QUOTES = /[",;\\t\\ufeff]/`,
    caughtBy: CSV,
  },
  {
    name: 'a host name of an export is a formula',
    source: 'OWASP, "CSV Injection"',
    file: 'src/bulk/ipam-export.ts',
    find: `defuseFormula(formatCell(values.get(name) ?? null))`,
    replace: `formatCell(values.get(name) ?? null)`,
    caughtBy: OUR_FILES,
  },
  {
    name: 'what was defused in an export comes back with its apostrophe',
    source: 'src/bulk/README.md (an import reads back the same rows)',
    file: 'src/bulk/ipam-import.ts',
    find: `armFormula(this.#fields[index] ?? '')`,
    replace: `(this.#fields[index] ?? '')`,
    caughtBy: OUR_FILES,
  },
  {
    name: 'an empty line is no row',
    source: 'issue 4 (row 3: …)',
    file: READER,
    find: `    this.#row += 1
`,
    replace: `    if (!isEmptyLine) this.#row += 1
`,
    caughtBy: CSV,
  },
  {
    name: 'a row with line breaks in it moves the lines below',
    source: 'issue 4 (row 3: …)',
    file: READER,
    find: `    this.#line += part.split('\\n').length - 1
`,
    replace: ``,
    caughtBy: CSV,
  },
  {
    name: 'a byte order mark belongs to the name of the first column',
    source: 'RFC 4180; what spreadsheets write',
    file: READER,
    find: `return chunk.startsWith('\\ufeff') ? chunk.slice(1) : chunk`,
    replace: `return chunk`,
    caughtBy: CSV,
  },
  {
    name: 'what is no UTF-8 is imported with other characters',
    source: 'src/bulk/README.md (refused, not repaired)',
    file: 'src/bulk/decode-utf8.ts',
    find: `fatal: true`,
    replace: `fatal: false`,
    caughtBy: OUR_FILES,
  },
  {
    name: 'released allocations of an export are allocated again',
    source: 'promise 1; issue 4 (import)',
    file: 'src/bulk/ipam-import.ts',
    find: `if (status === 'released' || status === 'expired') {`,
    replace: `if (status === 'expired') {`,
    caughtBy: OUR_FILES,
  },
  {
    name: 'an import looks for networks by the ids of the cluster that exported them',
    source: 'src/bulk/README.md (an id means nothing in another cluster)',
    file: 'src/bulk/ipam-import.ts',
    find: `network: cidr.value === '' ? text('network_id') : cidr,`,
    replace: `network: text('network_id').value === '' ? cidr : text('network_id'),`,
    caughtBy: OUR_FILES,
  },
  {
    name: 'the route distinguisher of NetBox is a part of the namespace',
    source: 'issue 4 (NetBox)',
    file: 'src/bulk/netbox.ts',
    find: `(VRF_WITH_RD.exec(value) ?? [])`,
    replace: `[]`,
    caughtBy: FOREIGN,
  },
  {
    name: 'what NetBox has in no VRF is in a namespace called Global',
    source: 'issue 4 (NetBox)',
    file: 'src/bulk/netbox.ts',
    find: `/^global$/i.test(name) ? DEFAULT_NAMESPACE : name`,
    replace: `name === '' ? DEFAULT_NAMESPACE : name`,
    caughtBy: FOREIGN,
  },
  {
    name: 'a netmask with holes is as long as it has ones',
    source: 'issue 4 (phpIPAM)',
    file: 'src/bulk/phpipam.ts',
    find: `if (/^1*0*$/.test(digits)) return`,
    replace: `if (/^[01]*$/.test(digits)) return`,
    caughtBy: FOREIGN,
  },
  {
    name: 'a folder of phpIPAM is a wrong network',
    source: 'issue 4 (phpIPAM)',
    file: 'src/bulk/phpipam.ts',
    find: `    if (text.value.endsWith('(folder)')) return { type: 'skipped', reason: \`\${text.value} is no network\` }
`,
    replace: ``,
    caughtBy: FOREIGN,
  },
  {
    name: 'the loopback address of a hosts file is allocated',
    source: 'issue 4 (hosts)',
    file: 'src/bulk/hosts.ts',
    find: `  special('127.0.0.0/8', 'a loopback address'),
`,
    replace: ``,
    caughtBy: FOREIGN,
  },
  {
    name: 'what the state refuses is named by its place among the rows that are right',
    source: 'issue 4 (row 3: …)',
    file: 'src/http/import.ts',
    find: `const { row, line } = file.rows[item] ?? { row: 0, line: 0 }`,
    replace: `const { row, line } = { row: item + 1, line: item + 1 }`,
    caughtBy: IMPORT,
  },
  {
    name: 'an atomic import leaves out the rows that cannot be read',
    source: 'issue 4 (atomic)',
    file: 'src/http/import.ts',
    find: `if (params.atomic && file.errors.length > 0) throw`,
    replace: `if (params.atomic && file.rows.length === 0 && file.errors.length > 0) throw`,
    caughtBy: IMPORT,
  },
  {
    name: 'a row with two mistakes is two rows that failed',
    source: 'issue 4 (errors by row)',
    file: 'src/http/import.ts',
    find: `failed: new Set(errors.map(({ row }) => row)).size,`,
    replace: `failed: errors.length,`,
    caughtBy: IMPORT,
  },
  {
    name: 'of a range that is imported, the first address is allocated',
    source: 'issue 4 (import)',
    file: 'src/http/import.ts',
    find: `count: Number(last - first + 1n),`,
    replace: `count: Math.min(1, Number(last - first + 1n)),`,
    caughtBy: IMPORT,
  },
  {
    name: 'an export ends after the first page',
    source: 'issue 4 (export, streamed)',
    file: 'src/http/export.ts',
    find: `if (page.nextCursor === null) return`,
    replace: `if (page.rows.length > 0) return`,
    caughtBy: IMPORT,
  },
  {
    name: 'an export takes later pages from before its first one',
    source: 'promise 5',
    file: 'src/http/export.ts',
    find: `page = (await read(next, { type: 'minIndex', index: first.index })).value`,
    replace: `page = (await read(next, { type: 'stale' })).value`,
    caughtBy: IMPORT,
  },
  {
    name: 'every chunk of an import has the key of the first',
    source: 'promise 4; issue 4 (resumable)',
    file: 'src/cli/client/import-chunks.ts',
    find: `      number += 1
`,
    replace: ``,
    caughtBy: CLIENT_BULK,
  },
  {
    name: 'each run of an import has keys of its own',
    source: 'promise 4; issue 4 (resumable)',
    file: 'src/cli/client/import.ts',
    find: `args.has('again') ? nanoid() : KEY_FORM`,
    replace: `nanoid()`,
    caughtBy: CLIENT_BULK,
  },
  {
    name: 'rows that failed are answered for by the first run for ever',
    source: 'issue 4 (resumable)',
    file: 'src/cli/client/import-sender.ts',
    find: `const goesOn = isReplay && failedRows`,
    replace: `const goesOn = isReplay && round < 0 && failedRows`,
    caughtBy: CLIENT_BULK,
  },
  {
    name: 'a file that is imported goes on where another one was',
    source: 'promise 4; issue 4 (resumable)',
    file: 'src/cli/client/import.ts',
    find: `return ['import', run, sha256, format, ...options]`,
    replace: `return ['import', run, sha256.slice(0, 0), format, ...options]`,
    caughtBy: CLIENT_BULK,
  },
  {
    name: 'wrong rows of a chunk are named as the chunk counts them',
    source: 'issue 4 (row 3: …)',
    file: 'src/cli/client/import-sender.ts',
    find: `return { row: rows[row - 1]?.row ?? 0, field`,
    replace: `return { row, field`,
    caughtBy: CLIENT_BULK,
  },
  {
    name: 'an imported range has more addresses than a number holds',
    source: 'a command of the log counts them: no version reads the entry',
    file: 'src/bulk/values.ts',
    find: `parseAddress(ip).value < BigInt(Number.MAX_SAFE_INTEGER)) return end`,
    replace: `parseAddress(ip).value <= BigInt(Number.MAX_SAFE_INTEGER)) return end`,
    caughtBy: IMPORT,
  },
  {
    name: 'an atomic import that is refused names its rows as the log counts them',
    source: 'issue 4 (row 3: …)',
    file: 'src/http/import.ts',
    find: `throw inRows(error, file)`,
    replace: `throw error`,
    caughtBy: IMPORT,
  },
  {
    name: 'a compressed file is imported as it comes',
    source: 'a hosts file may be any bytes that are UTF-8',
    file: 'src/http/input.ts',
    find: `  const bytes = await readBytes(c)
  checkEncoding(c)
`,
    replace: `  const bytes = await readBytes(c)
`,
    caughtBy: IMPORT,
  },
]
