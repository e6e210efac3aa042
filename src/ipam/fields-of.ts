/** The shape of a table of commands: how the fields of each lie in a log entry. */
import type { Command } from './command.ts'

export interface CommandFields<C extends Command> {
  /** On the wire and on disk: never used again for another command. */
  readonly number: number
  encode(command: C): unknown[]
  /** Null for what does not fit. */
  decode(fields: readonly unknown[]): C | null
}

export type FieldsOf<C extends Command> = {
  readonly [Type in C['type']]: CommandFields<Extract<C, { type: Type }>>
}
