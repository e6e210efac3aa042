/** What every command of the client gets. */
import type { ClientShell, ExitCode } from '../shell.ts'
import type { Api } from './api.ts'
import type { Arguments } from './arguments.ts'
import type { Output } from './output.ts'
import type { Secrets } from './secrets.ts'

export interface Invocation {
  readonly api: Api
  readonly args: Arguments
  readonly output: Output
  readonly secrets: Secrets
  readonly shell: ClientShell
}

/** Throws `ClientError` where it fails. */
export type Run = (invocation: Invocation) => Promise<ExitCode>

/** Headers of a write, as the flags say. @throws {UsageError} */
export function writeOptions(args: Arguments): { readonly ifMatch: number | null; readonly key?: string } {
  const key = args.text('idempotency-key')
  return { ifMatch: args.count('if-match'), ...(key !== null && { key }) }
}

/** Without those that are not given. */
export function given(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
