/** What a command of the client takes. Usage texts, completion scripts and the reading of arguments all go by it. */

export interface FlagSpec {
  /** Without the hyphens. */
  readonly name: string
  /** What stands for its value in usage texts; null where it has none. */
  readonly value: string | null
  readonly isRepeatable: boolean
  /** The only values there are; empty for any. */
  readonly choices: readonly string[]
  readonly about: string
}

export interface OperandSpec {
  readonly name: string
  readonly isRequired: boolean
  readonly choices: readonly string[]
}

export interface CommandSpec {
  /** "network add". */
  readonly name: string
  readonly operands: readonly OperandSpec[]
  readonly flags: readonly FlagSpec[]
  /** One line. */
  readonly about: string
  /** More, below the flags; empty for none. */
  readonly notes: string
}

export function flag(name: string, value: string, about: string): FlagSpec {
  return { name, value, isRepeatable: false, choices: [], about }
}

/** May be given more than once. */
export function repeated(name: string, value: string, about: string): FlagSpec {
  return { name, value, isRepeatable: true, choices: [], about }
}

/** Has no value. */
export function toggle(name: string, about: string): FlagSpec {
  return { name, value: null, isRepeatable: false, choices: [], about }
}

export function choice(name: string, choices: readonly string[], about: string): FlagSpec {
  return { name, value: choices.join('|'), isRepeatable: false, choices, about }
}

export function operand(name: string, choices: readonly string[] = []): OperandSpec {
  return { name, isRequired: true, choices }
}

export function optionalOperand(name: string): OperandSpec {
  return { name, isRequired: false, choices: [] }
}
