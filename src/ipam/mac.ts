/** Hardware addresses: EUI-48 and EUI-64 in the notations of vendors and tools, and as one canonical text. */

/** Longer than any notation, so that hostile input is refused before it is parsed. */
const TEXT_CHARS_MAX = 32

/** A client's text is no hardware address. */
export class MacSyntaxError extends Error {
  override readonly name = 'MacSyntaxError'

  constructor(text: string, reason: string) {
    super(`${quote(text)} ${reason}`)
  }
}

/**
 * Canonical: lower case, a colon between octets, "00:00:5e:00:53:01". Read in either case are octets of one or two digits between colons
 * or hyphens (RFC 7042 §2.1), groups of four or six digits with one kind of `.`, `:` or `-` between them, and bare digits.
 *
 * @throws {MacSyntaxError}
 */
export function canonicalMac(text: string): string {
  if (text.length > TEXT_CHARS_MAX) throw new MacSyntaxError(text, 'is too long for a MAC address')
  if (text.trim() !== text) throw new MacSyntaxError(text, 'has spaces around it')
  const groups = groupsOf(text)
  const digits = groups === null ? '' : digitsOf(groups)
  if (digits.length !== 12 && digits.length !== 16) {
    throw new MacSyntaxError(
      text,
      'is not a MAC address: it has 6 octets, or 8, in hex, such as 00:00:5e:00:53:01',
    )
  }
  return digits.toLowerCase().replaceAll(/..(?=.)/g, '$&:')
}

/** Null where something else than hex digits and one kind of separator is in it. */
function groupsOf(text: string): string[] | null {
  const [separator = null] = /[:.-]/.exec(text) ?? []
  const groups = separator === null ? [text] : text.split(separator)
  return groups.every((group) => /^[0-9a-f]+$/i.test(group)) ? groups : null
}

/** Empty where the groups are not equally long; only octets may lack their leading zero, as BSD and Solaris print them. */
function digitsOf(groups: readonly string[]): string {
  const isOctets = groups.length === 6 || groups.length === 8
  if (isOctets && groups.every((group) => group.length <= 2)) {
    return groups.map((group) => group.padStart(2, '0')).join('')
  }
  const isWhole = groups.length === 1 || groups.every((group) => group.length === groups[0]?.length)
  const hasOddGroups = groups.length > 1 && groups[0]?.length !== 4 && groups[0]?.length !== 6
  return isWhole && !hasOddGroups ? groups.join('') : ''
}

function quote(text: string): string {
  if (text.length > TEXT_CHARS_MAX) return `${JSON.stringify(text.slice(0, TEXT_CHARS_MAX))}…`
  return /^[\w.:-]+$/.test(text) ? text : JSON.stringify(text)
}
