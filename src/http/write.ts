/** What all writes have in common: idempotency keys, preconditions, and where in the log the answer comes from. */
import { hash } from 'node:crypto'
import type { Context } from 'hono'
import type { Command, CommandContext, ResultOf } from '../ipam/command.ts'
import type { IdempotencyStamp } from '../ipam/idempotency.ts'
import type { SeenIndex } from '../ipam/records.ts'
import type { IpamService } from '../service.ts'
import { show } from '../show.ts'
import type { Caller } from './access.ts'
import { type EntityTag, parseEntityTags } from './entity-tags.ts'
import { invalidRequest, ProblemError } from './problem.ts'
import { headerOf } from './request-headers.ts'
import { within } from './scope.ts'

const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/
/** 132 bits: no two requests of this world meet by chance. */
const DIGEST_CHARS = 22

/**
 * @param body What the fingerprint of the request is made of, beside method and path.
 * @returns The result, and headers for the answer.
 */
export async function write<C extends Command>(
  service: IpamService,
  { c, caller, body }: { readonly c: Context; readonly caller: Caller; readonly body: unknown },
  command: C,
): Promise<{ readonly value: ResultOf<C>; readonly headers: Record<string, string> }> {
  const { user, requestId } = caller
  const idempotency = idempotencyOf(c, caller, body)
  const scoped = within(service, caller)
  const { value, index, isReplay } = await scoped.execute(command, { user, requestId }, idempotency)
  const headers: Record<string, string> = { 'X-Raft-Index': String(index) }
  if (isReplay) headers['Idempotency-Replayed'] = 'true'
  return { value, headers }
}

/** Null without the header. @throws {ProblemError} */
function idempotencyOf(c: Context, { user }: CommandContext, body: unknown): IdempotencyStamp | null {
  const key = headerOf(c, 'idempotency-key')
  if (key === null) return null
  if (!IDEMPOTENCY_KEY.test(key)) {
    const message = `must be 1 to 255 printable ASCII characters without spaces, not ${show(key)}`
    throw invalidRequest([{ field: 'Idempotency-Key', message }])
  }
  const asked = [c.req.method, c.req.path, headerOf(c, 'if-match'), body]
  return { keyDigest: digest([user, key]), fingerprint: digest(asked) }
}

/**
 * For changes of which no answer is kept. Ignored, a key would promise what nobody keeps.
 *
 * @param repeat What becomes of the same request sent again.
 * @throws {ProblemError} if there is a key.
 */
export function refuseKey(c: Context, repeat: string): void {
  if (headerOf(c, 'idempotency-key') === null) return
  const message = `is not for this operation, whose answers are not kept; leave it out: ${repeat}`
  throw invalidRequest([{ field: 'Idempotency-Key', message }])
}

function digest(value: unknown): string {
  return hash('sha256', JSON.stringify(value), 'base64url').slice(0, DIGEST_CHARS)
}

/**
 * The indexes that the client's `If-Match` lists (RFC 9110 §13.1.1), one of which the resource must have; null without one, or for any.
 * What others call strong can be of no resource here, and weak tags never match: they are left out, unless there is nothing else.
 *
 * @throws {ProblemError}
 */
export function ifMatch(c: Context): SeenIndex {
  const header = headerOf(c, 'if-match')
  const tags = header === null ? 'any' : parseEntityTags(header)
  if (tags === 'any') return null
  const indexes = new Set((tags ?? []).flatMap((tag) => indexIn(tag) ?? []))
  const [first] = indexes
  if (first !== undefined) return indexes.size === 1 ? first : [...indexes]
  const message = `If-Match: ${show(header)} has no ETag of this API, which are numbers in quotes such as "17", without W/; read the resource again`
  throw new ProblemError({ status: 412, reason: 'precondition_failed', message })
}

function indexIn({ isWeak, opaque }: EntityTag): number | null {
  const isOurs = !isWeak && /^[1-9][0-9]{0,15}$/.test(opaque) && Number.isSafeInteger(Number(opaque))
  return isOurs ? Number(opaque) : null
}
