/** How much a field of a request, or of an imported row, may hold. Characters are UTF-16 units. */

export const ID_CHARS_MAX = 64
export const DESCRIPTION_CHARS_MAX = 1_024
/** RFC 1035 §2.3.4, as text without the last dot. */
export const HOSTNAME_CHARS_MAX = 253
export const TAGS_MAX = 64
export const TAG_CHARS_MAX = 64
export const RESERVED_MAX = 256
export const METADATA_KEYS_MAX = 64
export const METADATA_KEY_CHARS_MAX = 64
export const METADATA_VALUE_CHARS_MAX = 1_024
/** A year. */
export const COOLDOWN_SECONDS_MAX = 366 * 24 * 60 * 60

/** They are parts of keys. */
const NAMESPACE = /^[A-Za-z0-9._-]{1,64}$/

export function isNamespace(text: string): boolean {
  return NAMESPACE.test(text)
}

/** Control characters but for line breaks and tabs, and halves of characters, which UTF-8 cannot hold. */
const UNPRINTABLE = /(?![\n\r\t])[\p{Cc}\p{Cs}]/u

export function isPrintable(text: string): boolean {
  return !UNPRINTABLE.test(text)
}
