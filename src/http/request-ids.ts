import { nanoid } from 'nanoid'
import { REQUEST_START_CHARS } from '../ipam/request-groups.ts'

/** Of requests that come without one. Unique among all processes, for little: a random start and a counter. */
export function createRequestIds(): () => string {
  const start = nanoid(REQUEST_START_CHARS)
  let count = 0
  return () => `${start}-${(++count).toString(36)}`
}
