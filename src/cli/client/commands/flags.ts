/** Flags and notes that commands of several subjects have. */
import { ALLOCATION_STATUSES } from '../../../ipam/records.ts'
import { choice, flag, repeated, toggle } from '../specs.ts'

export const KEY = flag('idempotency-key', 'KEY', 'a key of your own: done once, however often it is run')
export const NAMESPACE = flag(
  'namespace',
  'NAME',
  'the address space (VRF) that a CIDR or address is in (default: default)',
)
export const ANY_NAMESPACE = flag('namespace', 'NAME', 'in this address space (VRF) only')
export const LIMIT = flag('limit', 'N', 'at most N rows (default: all)')
export const IF_MATCH = flag('if-match', 'N', 'only if its ETag, which show prints, is still N')
export const DESCRIPTION = flag('description', 'TEXT', 'for people')
export const TAG = repeated('tag', 'TAG', 'a label; may be repeated')
export const META = repeated('meta', 'KEY=VALUE', 'metadata; may be repeated')
export const TAG_FILTER = flag('tag', 'TAG', 'that have this tag')
export const QUERY = flag('query', 'WORDS', 'that have all these words in their texts')
export const ALLOCATION_FILTERS = [
  flag('network', 'REF', 'of one network, by id or CIDR'),
  toggle('all', 'released and expired ones too'),
  choice('status', ALLOCATION_STATUSES, 'with this status only'),
  flag('hostname', 'TEXT', 'that have this in their host name'),
  TAG_FILTER,
  flag('mac', 'MAC', 'of this hardware address'),
  flag('expires-before', 'TIME', 'that expire before a time, or within a duration, such as 24h'),
  QUERY,
]
export const REF_NOTE = 'REF names a network by its id or its CIDR.'
export const CLEAR_NOTE =
  'What is not named stays. --tag and --reserved replace the whole list; an empty value ("--tag=") clears, and --meta KEY= removes a key.'
