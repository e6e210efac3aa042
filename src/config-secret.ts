/** The secret by which members know each other, and when a node must have one. */
import { z } from 'zod'
import { isLoopback } from './config-addr.ts'
import { ConfigError } from './config-error.ts'
import { Secret } from './secret.ts'

/** Who hears a handshake can try out secrets as fast as he computes: only length helps. */
const SECRET_LENGTH_MIN = 32
const SECRET_LENGTH_MAX = 1_024
/** A new one and an old one, while the secret is changed; more help nobody. */
const SECRETS_MAX = 4

const HOW_TO_MAKE = 'make one with: openssl rand -hex 32'

/** One, or a list whose first is used and whose others are still taken. Complaints never show a value. */
export const ClusterSecretSchema = z.unknown().transform((value, context) => {
  const secrets = toSecrets(Array.isArray(value) ? value : [value])
  if (typeof secrets !== 'string') return secrets
  // Without the input.
  context.addIssue({ code: 'custom', message: secrets, input: null })
  return z.NEVER
})

/** From a variable, with commas between several. @throws {ConfigError} */
export function parseClusterSecrets({ text, source }: { text: string; source: string }): Secret[] {
  const secrets = toSecrets(text.split(',').map((part) => part.trim()))
  if (typeof secrets === 'string') throw new ConfigError(`${source} ${secrets}`)
  return secrets
}

/** @throws {ConfigError} where anybody on a network could pass for a member. */
export function checkMembersAreKnown(
  { id, host, addr }: { id: number; host: string; addr: string },
  { isKnown, path }: { isKnown: boolean; path: string },
): void {
  if (isKnown || isLoopback(host)) return
  throw new ConfigError(
    `${path}: node ${id} would listen on ${addr}, where anybody could pass for a member: set raft.tls, or the same cluster_secret on all nodes (${HOW_TO_MAKE}), or raft.insecure: true if the network is yours alone`,
  )
}

/** Or what is wrong with them. */
function toSecrets(values: readonly unknown[]): Secret[] | string {
  if (values.length === 0) return `must have at least one secret; ${HOW_TO_MAKE}`
  if (values.length > SECRETS_MAX) return `must have at most ${SECRETS_MAX} secrets`
  const secrets: Secret[] = []
  for (const value of values) {
    if (typeof value !== 'string') return `must be a text, in quotes; ${HOW_TO_MAKE}`
    const complaint = whyNoSecret(value)
    if (complaint !== null) return complaint
    secrets.push(new Secret(value))
  }
  return secrets
}

function whyNoSecret({ length }: string): string | null {
  if (length < SECRET_LENGTH_MIN) {
    return `must have ${SECRET_LENGTH_MIN} characters or more, not ${length}; ${HOW_TO_MAKE}`
  }
  return length > SECRET_LENGTH_MAX
    ? `must have at most ${SECRET_LENGTH_MAX} characters, not ${length}`
    : null
}
