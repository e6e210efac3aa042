/** What the ids of requests that follow each other have in common, so that they can be found together. */

/** Of a process, at the start of all ids that it gives. */
export const REQUEST_START_CHARS = 10
const GIVEN = /^([\w-]{10})-([0-9a-z]{1,10})$/
/** So many that follow each other are a group: those of one moment, and of one node. */
const GROUP_SIZE = 256

/** @param id As `createRequestIds` makes them; null for any other, which may come at any time. */
export function groupOfRequestId(id: string): string | null {
  const [, start, count] = GIVEN.exec(id) ?? []
  if (start === undefined || count === undefined) return null
  return `${start}-${Math.floor(Number.parseInt(count, 36) / GROUP_SIZE).toString(36)}`
}
