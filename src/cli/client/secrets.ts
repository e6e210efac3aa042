/** Passwords and tokens: from the environment, the terminal or standard input, and never from the command line, which others see. */
import type { ClientShell } from '../shell.ts'
import type { Arguments } from './arguments.ts'
import { ClientError, UsageError } from './client-error.ts'

const LINE_CHARS_MAX = 4_096

export class Secrets {
  readonly #args: Arguments
  readonly #shell: ClientShell
  #lines: AsyncGenerator<string> | null = null

  constructor(args: Arguments, shell: ClientShell) {
    this.#args = args
    this.#shell = shell
  }

  /** What requests say of who they are from (RFC 6750, RFC 7617); null for nothing. @throws {UsageError} */
  async authorization(): Promise<string | null> {
    const { env } = this.#shell
    const [token, user] = [this.#args.text('token'), this.#args.text('user')]
    if (token !== null && user !== null) throw new UsageError('--token and --user: one of them is enough')
    if (token !== null) return `Bearer ${token}`
    // A flag wins over both variables.
    if (user === null && env['IPAM_TOKEN']) return `Bearer ${env['IPAM_TOKEN']}`
    const name = user ?? env['IPAM_USER']
    if (!name) return null
    if (name.includes(':'))
      throw new UsageError('--user is a name alone; the password is IPAM_PASSWORD, or asked for')
    const password = await this.#secret('IPAM_PASSWORD', `password of ${name}: `)
    return `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`
  }

  /** For somebody. On a terminal it is asked for twice. */
  async newPassword(name: string): Promise<string> {
    const password = await this.#secret('IPAM_NEW_PASSWORD', `new password of ${name}: `)
    const { env, askSecret } = this.#shell
    const isTyped = !env['IPAM_NEW_PASSWORD'] && askSecret !== null
    if (isTyped && (await askSecret('once more: ')) !== password)
      throw new UsageError('the two are not the same')
    return password
  }

  async #secret(variable: string, question: string): Promise<string> {
    const { env, askSecret } = this.#shell
    const given = env[variable]
    if (given) return given
    if (askSecret !== null) return await askSecret(question)
    const line = this.#args.operand(0) === '-' ? '' : await this.#nextLine()
    if (line !== '') return line
    throw new UsageError(
      `${question.slice(0, -2)} is missing: set ${variable}, or write it to standard input`,
    )
  }

  async #nextLine(): Promise<string> {
    this.#lines ??= linesOf(this.#shell.input())
    const { value } = await this.#lines.next()
    return value ?? ''
  }
}

async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true })
    if (rest.length > LINE_CHARS_MAX) throw new ClientError('standard input is no password', 2)
    const lines = rest.split(/\r?\n/)
    rest = lines.pop() ?? ''
    yield* lines
  }
  if (rest !== '') yield rest
}
