/** Checks of objects of which most fields are left out: what becomes of such a field is found once, not for each object. */
import { z } from 'zod'

/** What the schema makes of the value; undefined: ask the schema itself, which knows what is wrong. */
type SparseCheck = (value: object) => Record<string, unknown> | undefined

/** One for each schema, made at its first use. */
const checks = new WeakMap<z.ZodObject, SparseCheck>()

/** The same as `schema.safeParse(value)`, and cheaper where few fields of many are there. */
export function safeParseSparse<S extends z.ZodObject>(
  schema: S,
  value: object,
): z.ZodSafeParseResult<z.output<S>> {
  let sparse = checks.get(schema)
  if (sparse === undefined) {
    sparse = sparseCheck(schema)
    checks.set(schema, sparse)
  }
  const data = sparse(value)
  return data === undefined ? schema.safeParse(value) : { success: true, data: data as z.output<S> }
}

function sparseCheck(schema: z.ZodObject): SparseCheck {
  const { checks: ofWhole = [], catchall } = schema.def
  // What fields say together, and what becomes of unknown ones, only the schema knows.
  if (ofWhole.length > 0 || !(catchall instanceof z.ZodNever)) return () => undefined
  const fields = Object.entries(schema.shape as Record<string, z.ZodType>).map(([name, field]) => {
    return { name, field, absent: absentOf(field) }
  })
  return (value) => {
    const given = value as Record<string, unknown>
    const data: Record<string, unknown> = {}
    let known = 0
    for (const { name, field, absent } of fields) {
      if (Object.hasOwn(given, name)) {
        known += 1
        const result = field.safeParse(given[name])
        if (!result.success) return undefined
        data[name] = result.data
      } else if (!absent.isAllowed) return undefined
      else if (absent.becomes !== undefined) data[name] = absent.becomes
    }
    return known === Object.keys(given).length ? data : undefined
  }
}

function absentOf(field: z.ZodType): { readonly isAllowed: boolean; readonly becomes: unknown } {
  const result = field.safeParse(undefined)
  // Shared by all requests: nobody may change it.
  return { isAllowed: result.success, becomes: Object.freeze(result.data) }
}
