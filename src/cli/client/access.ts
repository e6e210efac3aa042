/** `ipam auth …`, `ipam user …`, `ipam key …` */
import { hashPassword } from '../../auth/password.ts'
import { isKeyId } from '../../ipam/access.ts'
import { show } from '../../show.ts'
import type { ExitCode } from '../shell.ts'
import type { Api } from './api.ts'
import type { KeyBody, NewKeyBody, UserBody, WhoamiBody } from './bodies.ts'
import { ClientError, UsageError } from './client-error.ts'
import { given, type Invocation } from './invocation.ts'
import { objectOf } from './pages.ts'
import { type Column, column } from './table.ts'
import { parseDuration } from './values.ts'

const USERS = '/auth/users'
const KEYS = '/auth/keys'
const FIRST_ADMIN = 'admin'

const USER_COLUMNS: readonly Column<UserBody>[] = [
  column('NAME', ({ name }) => name),
  column('ROLE', ({ role }) => role),
  column('CREATED', ({ created_at }) => created_at),
  column('UPDATED', ({ updated_at }) => updated_at),
]

const KEY_COLUMNS: readonly Column<KeyBody>[] = [
  column('ID', ({ id }) => id),
  column('ROLE', ({ role }) => role),
  column('EXPIRES', ({ expires_at }) => expires_at ?? 'never'),
  column('SCOPE', scopeText),
  column('CREATED BY', ({ created_by }) => created_by),
  column('DESCRIPTION', ({ description }) => description),
]

export async function initAuth({ api, args, output, secrets }: Invocation): Promise<ExitCode> {
  const name = args.operand(0) ?? FIRST_ADMIN
  const password = await secrets.newPassword(name)
  const answer = await api.write('POST', '/auth/init', { name, password }, { key: null })
  await output.record(answer, () => userFields(objectOf(answer.text)))
  output.done(`${name} is the first admin: log in with --user ${name}, or IPAM_USER`)
  return 0
}

/** For the config file; nothing is sent. */
export async function hashForConfig({ output, secrets }: Invocation): Promise<ExitCode> {
  await output.text(`${await hashPassword(await secrets.newPassword('the first admin'))}\n`)
  return 0
}

export async function whoAmI({ api, output }: Invocation): Promise<ExitCode> {
  const answer = await api.get('/auth/whoami')
  await output.record(answer, () => {
    const { user, role, key } = objectOf<WhoamiBody>(answer.text)
    const ofKey =
      key === null
        ? []
        : ([
            ['expires', key.expires_at ?? 'never'],
            ['scope', scopeText(key)],
          ] as const)
    return [['user', user], ['role', role], ...ofKey]
  })
  return 0
}

export async function addUser({ api, args, output, secrets }: Invocation): Promise<ExitCode> {
  const name = args.operand(0) ?? ''
  const role = args.text('role') ?? 'viewer'
  const password = await secrets.newPassword(name)
  const answer = await api.write('POST', USERS, { name, role, password })
  await output.record(answer, () => userFields(objectOf(answer.text)))
  return 0
}

export async function setUser({ api, args, output }: Invocation): Promise<ExitCode> {
  const role = args.text('role')
  if (role === null) throw new UsageError('what to change is missing: --role')
  const answer = await api.write('PATCH', userPath(args.operand(0)), { role })
  await output.record(answer, () => userFields(objectOf(answer.text)))
  return 0
}

export async function changePassword({ api, args, output, secrets }: Invocation): Promise<ExitCode> {
  const name = args.operand(0) ?? ''
  const password = await secrets.newPassword(name)
  await api.write('POST', `${userPath(name)}/password`, { password })
  output.done(`${name} has another password`)
  return 0
}

export async function listUsers({ api, output }: Invocation): Promise<ExitCode> {
  const { text } = await api.get(USERS)
  if (output.isJson) await output.json(text)
  else await output.table(USER_COLUMNS, arrayOf<UserBody>(text))
  return 0
}

export async function removeUser({ api, args, output }: Invocation): Promise<ExitCode> {
  const name = args.operand(0) ?? ''
  await api.write('DELETE', userPath(name))
  output.done(`${name} is no user any more; keys that ${name} created stay: see ipam key list`)
  return 0
}

export async function createKey({ api, args, output }: Invocation): Promise<ExitCode> {
  const networks = args.texts('network') ?? []
  const tags = args.texts('tag') ?? []
  const body = given({
    role: args.text('role') ?? 'viewer',
    description: args.text('description') ?? undefined,
    ttl_seconds: ttlSeconds(args.text('ttl')),
    scope: networks.length + tags.length === 0 ? undefined : { networks, tags },
  })
  const answer = await api.write('POST', KEYS, body)
  const key = objectOf<NewKeyBody>(answer.text)
  await output.record(answer, () => [['token', key.token ?? '-'], ...keyFields(key)])
  if (key.token === null) {
    const message = `the key exists, but its token went with an answer that was lost: ipam key revoke ${key.id}, and create another`
    throw new ClientError(message, 1)
  }
  output.note('keep the token: it is not shown again')
  return 0
}

export async function listKeys({ api, output }: Invocation): Promise<ExitCode> {
  const { text } = await api.get(KEYS)
  if (output.isJson) await output.json(text)
  else await output.table(KEY_COLUMNS, arrayOf<KeyBody>(text))
  return 0
}

export async function revokeKey({ api, args, output }: Invocation): Promise<ExitCode> {
  const id = await idOfKey(api, args.operand(0) ?? '')
  await api.write('DELETE', `${KEYS}/${id}`)
  output.done(`key ${id} is revoked`)
  return 0
}

/** By its id or its description. */
async function idOfKey(api: Api, text: string): Promise<string> {
  if (isKeyId(text)) return text
  const { text: list } = await api.get(KEYS)
  const found = arrayOf<KeyBody>(list).filter(({ description }) => description === text)
  const [key] = found
  if (key === undefined) throw new ClientError(`no key has the id or description ${show(text)}`, 3)
  if (found.length === 1) return key.id
  throw new ClientError(
    `${found.length} keys are described so: name one by id: ${found.map(({ id }) => id).join(', ')}`,
    4,
  )
}

function ttlSeconds(text: string | null): number | undefined {
  if (text === null || text === 'never') return undefined
  const ms = parseDuration(text)
  if (ms !== null && ms > 0) return ms / 1_000
  throw new UsageError(`--ttl takes a duration such as 90d, or never, not ${show(text)}`)
}

function userPath(name: string | null): string {
  return `${USERS}/${encodeURIComponent(name ?? '')}`
}

type Fields = readonly (readonly [name: string, text: string])[]

function userFields({ name, role, created_at, updated_at }: UserBody): Fields {
  return [
    ['name', name],
    ['role', role],
    ['created', created_at],
    ['updated', updated_at],
  ]
}

function keyFields(key: KeyBody): Fields {
  return [
    ['id', key.id],
    ['role', key.role],
    ['description', key.description || '-'],
    ['scope', scopeText(key)],
    ['expires', key.expires_at ?? 'never'],
  ]
}

function scopeText({ scope }: KeyBody): string {
  if (scope === null) return 'all'
  return [...scope.networks, ...scope.tags.map((tag) => `tag ${tag}`)].join(', ')
}

function arrayOf<Body>(text: string): readonly Body[] {
  // As `objectOf`, of a list that comes as a whole.
  return objectOf<{ readonly list: readonly Body[] }>(`{"list":${text}}`).list
}
