/** How much room text takes on a terminal, and text that does nothing to it. */

const LINE_SPACES = /[\t\n\r\u2028\u2029]+/gu
/** Controls; halves of characters; marks that turn the direction of what follows. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu
const NO_WIDTH = /[\p{Mn}\p{Me}\p{Cf}]/u
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u

/** On one line, and without what a terminal would obey. */
export function printable(text: string): string {
  return text.replaceAll(LINE_SPACES, ' ').replaceAll(UNPRINTABLE, '\ufffd')
}

/** In columns of a terminal. */
export function textWidth(text: string): number {
  // Most text.
  if (/^[\x20-\x7e]*$/.test(text)) return text.length
  let width = 0
  for (const character of text) width += widthOf(character)
  return width
}

/** With an ellipsis where something is left out. */
export function cutToWidth(text: string, widthMax: number): string {
  if (textWidth(text) <= widthMax) return text
  let width = 0
  let kept = ''
  for (const character of text) {
    width += widthOf(character)
    if (width > widthMax - 1) break
    kept += character
  }
  return widthMax > 0 ? `${kept}…` : ''
}

function widthOf(character: string): number {
  if (NO_WIDTH.test(character)) return 0
  return WIDE.test(character) ? 2 : 1
}
