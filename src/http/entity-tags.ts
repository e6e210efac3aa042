/** What `If-Match` and `If-None-Match` list (RFC 9110 §8.8.3, §13.1). */

export interface EntityTag {
  readonly isWeak: boolean
  /** Without its quotes. */
  readonly opaque: string
}

/** A member of the list, which may be empty (RFC 9110 §5.6.1.2). No two parts of it match the same space. */
const MEMBER = /[ \t]*(?:(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"[ \t]*)?(?:,|$)/y

/** `any` is for `*`; null if it is no such list. */
export function parseEntityTags(header: string): readonly EntityTag[] | 'any' | null {
  if (header.trim() === '*') return 'any'
  const tags: EntityTag[] = []
  for (let offset = 0; offset < header.length; offset = MEMBER.lastIndex) {
    MEMBER.lastIndex = offset
    const member = MEMBER.exec(header)
    if (member === null) return null
    const [, weak, opaque] = member
    if (opaque !== undefined) tags.push({ isWeak: weak !== undefined, opaque })
  }
  return tags.length === 0 ? null : tags
}
