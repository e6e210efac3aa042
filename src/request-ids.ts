/** The ids of requests that come without one. */
import { nanoid } from 'nanoid'

const START_CHARS = 10
const OURS = /^([\w-]{10})-([0-9a-z]{1,10})$/
/** So many that follow each other are a group: those of one moment, and of one node. */
const GROUP_SIZE = 256

/** Unique among all processes, for little: a random start and a counter. */
export function createRequestIds(): () => string {
  const start = nanoid(START_CHARS)
  let count = 0
  return () => `${start}-${(++count).toString(36)}`
}

/** What an id of ours shares with those around it; null for any other id, which may come at any time. */
export function groupOfRequestId(id: string): string | null {
  const [, start, count] = OURS.exec(id) ?? []
  if (start === undefined || count === undefined) return null
  return `${start}-${Math.floor(Number.parseInt(count, 36) / GROUP_SIZE).toString(36)}`
}
