/** Users and keys as the log makes them, entry by entry, and whether all that anybody was told or saw of them can be true. */
import { isDeepStrictEqual } from 'node:util'
import type { ApiKey, User } from '../../src/ipam/access.ts'
import type { AccessCommand } from '../../src/ipam/access-command.ts'
import type { Command, CommandContext } from '../../src/ipam/command.ts'
import type { Outcome } from '../../src/ipam/outcome.ts'
import type { AuditEntry } from '../../src/ipam/records.ts'
import { type AccessExpected, AccessModel, HASH } from '../state/access-model.ts'
import type { AccessQuestion, Seen } from './admins.ts'

export class AccessLedger {
  readonly #model: AccessModel
  /** Oldest first; those that begin later than the entry that comes next. */
  #later: readonly Seen[]
  /** Begun, and not yet found to be true. */
  #open: readonly Seen[] = []

  /** @param options.seen What nodes said. */
  constructor(options: { readonly hasNetwork: (id: string) => boolean; readonly seen: readonly Seen[] }) {
    this.#model = new AccessModel(options.hasNetwork)
    this.#later = options.seen.toSorted((a, b) => a.from - b.from)
    this.noteIndex(0)
  }

  /** By name. */
  get users(): readonly User[] {
    return this.#model.users.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** In the order of creation. */
  get keys(): readonly ApiKey[] {
    return this.#model.keys
  }

  /** A command that was not answered by an earlier copy. @throws if it has not done what it had to do. */
  apply(
    command: AccessCommand,
    options: {
      readonly at: { readonly index: number; readonly time: number }
      readonly context: CommandContext
      readonly outcome: Outcome
      readonly rows: readonly AuditEntry[]
    },
  ): void {
    const { at, context, outcome, rows } = options
    const hadAdmin = this.#model.hasAdmin
    const expected = this.#model.apply(command, { at, context })
    check(!hadAdmin || this.#model.hasAdmin, 'the last admin is gone')
    check(
      isDeepStrictEqual(bare(outcome), bareExpected(expected)),
      `${command.type} is answered ${show(bare(outcome))}, and should be ${show(bareExpected(expected))}`,
    )
    const told = rows.map(({ action, resource, user, requestId, before, after }) => {
      return { action, resource, user, requestId, before, after }
    })
    const wanted = expected.ok ? expected.rows : []
    check(
      isDeepStrictEqual(told, wanted),
      `${command.type} has the audit rows ${show(told)}, and should have ${show(wanted)}`,
    )
    for (const { details, before, after } of rows) {
      const isClean = !HASH.test(details) && !HASH.test(JSON.stringify([before, after]))
      check(isClean, `an audit row has a hash: ${details}`)
    }
  }

  /** The entry at `index` is applied, whatever it is. @throws if something was seen that never was. */
  noteIndex(index: number): void {
    const begun = this.#later.findIndex(({ from }) => from > index)
    const count = begun < 0 ? this.#later.length : begun
    const open = [...this.#open, ...this.#later.slice(0, count)]
    this.#later = this.#later.slice(count)
    this.#open = open.filter((seen) => {
      if (isDeepStrictEqual(seen.value, answerOf(this.#model, seen.question))) return false
      const { nodeId, question, value, from, until } = seen
      check(
        index < until,
        `node ${nodeId} said ${show(value)} of ${show(question)} at ${from}, and it is ${show(answerOf(this.#model, question))}`,
      )
      return true
    })
  }
}

function answerOf(model: AccessModel, question: AccessQuestion): unknown {
  switch (question.type) {
    case 'user':
      return model.user(question.name)
    case 'key':
      return model.key(question.id)
    case 'counts': {
      const { userCount, keyCount, hasAdmin } = model
      return { userCount, keyCount, hasAdmin }
    }
  }
}

const ACCESS_TYPES: ReadonlySet<string> = new Set<AccessCommand['type']>([
  'createUser',
  'updateUser',
  'deleteUser',
  'createKey',
  'revokeKey',
  'noteLoginFailures',
  'noteSnapshot',
])

export function isAccessCommand(command: Command): command is AccessCommand {
  return ACCESS_TYPES.has(command.type)
}

/** Messages are for people. */
function bare(outcome: Outcome): unknown {
  return outcome.ok ? { value: outcome.value } : { reason: outcome.refusal.reason }
}

function bareExpected(expected: AccessExpected): unknown {
  return expected.ok ? { value: expected.value } : { reason: expected.reason }
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? 'nothing'
}

function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message)
}
