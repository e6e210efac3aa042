/** What the formats of other programs have in common: columns that we know, and all others as metadata. */
import type { Mistakes } from './build-row.ts'
import { type Column, foundIn, type Header } from './header.ts'
import { parseMetadata } from './values.ts'

/** What stands for nothing in a column, in lower case, by the name of the column. */
export type NothingWords = Readonly<Record<string, readonly string[]>>

export interface Rest {
  /** Of the keys: `netbox_`. */
  readonly prefix: string
  readonly columns: readonly Column[]
  readonly nothing: NothingWords
}

/** The columns that no field of ours takes. @param derived What the other program computes, and what would soon be wrong here. */
export function restOf(
  header: Header,
  taken: readonly (Column | null)[],
  { prefix, derived, nothing }: { prefix: string; derived: readonly string[]; nothing: NothingWords },
): Rest {
  const columns = header.columns.filter((column) => !taken.includes(column) && !derived.includes(column.name))
  return { prefix, columns, nothing }
}

/** The values of these columns by the names of the columns, where there are any. */
export function metadataOf(
  rest: Rest,
  fields: readonly string[],
  mistakes: Mistakes,
): Record<string, string> {
  const entries = rest.columns.flatMap((column) => {
    const { field, value } = foundIn(fields, column, column.name)
    if (value === '' || rest.nothing[column.name]?.includes(value.toLowerCase())) return []
    const key = `${rest.prefix}${column.name}`
    return Object.entries(mistakes.catch(field, () => parseMetadata({ [key]: value }), {}))
  })
  return Object.fromEntries(entries)
}

/** Names of other programs may have any characters: "Customer A" is `Customer-A`. */
export function namespaceFrom(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9._-]+/g, '-')
}
