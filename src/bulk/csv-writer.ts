/** CSV (RFC 4180) as every reader of it takes it. */

/**
 * One record with its line end. Quoted is what needs it: quotes, line ends, whatever some reader may take for a delimiter or
 * a byte order mark, and a lone empty field, which would else be an empty line.
 *
 * @param fields At least one.
 */
export function formatCsvRecord(fields: readonly string[]): string {
  if (fields.length === 1 && fields[0] === '') return '""\r\n'
  return `${fields.map(formatField).join(',')}\r\n`
}

const NEEDS_QUOTES = /[",;\t\r\n\ufeff]/

function formatField(field: string): string {
  return NEEDS_QUOTES.test(field) ? `"${field.replaceAll('"', '""')}"` : field
}

/** With what a spreadsheet takes for the start of a formula (OWASP, "CSV Injection"), full-width forms too. */
const FORMULA_START = /^'*[=+\-@\t\r\n＝＋－＠]/
const DEFUSED = /^'+[=+\-@\t\r\n＝＋－＠]/

/**
 * An apostrophe in front of what a spreadsheet would run as a formula, and in front of what already looks defused:
 * `armFormula` gives back every text exactly.
 */
export function defuseFormula(text: string): string {
  return FORMULA_START.test(text) ? `'${text}` : text
}

export function armFormula(text: string): string {
  return DEFUSED.test(text) ? text.slice(1) : text
}
