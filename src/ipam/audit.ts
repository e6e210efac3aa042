/** The words of audit rows that more than one command uses. */
import type { Allocation } from './records.ts'

/** The user of what no client asked for. */
export const SYSTEM_USER = 'system'

/** "10.0.0.7", or "10.0.0.7-10.0.0.9" for a range. */
export function addressesOf({ ip, endIp }: Allocation): string {
  return endIp === null ? ip : `${ip}-${endIp}`
}
