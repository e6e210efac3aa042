import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Api, openApi } from '../http/fixture.ts'
import { ipam, openRelay, type ShellOptions } from './client-fixture.ts'

const PASSWORD = 'correct horse battery'
const LOGIN = { IPAM_USER: 'root', IPAM_PASSWORD: PASSWORD }

let api: Api
let server: string

beforeAll(async () => {
  api = await openApi({ mode: 'required' })
  server = `http://${api.host}:${api.port}`
  const made = await run(['auth', 'init', 'root'], { answers: [PASSWORD, PASSWORD] })
  expect(made).toMatchObject({ code: 0, drawn: 'new password of root: once more: ' })
})

afterAll(() => api.close())

function run(words: readonly string[], { env = {}, ...options }: ShellOptions = {}) {
  return ipam(words, { ...options, env: { IPAM_SERVER: server, ...env } })
}

describe('logging in', () => {
  test.each<{ why: string; words: string[]; options: ShellOptions }>([
    { why: 'variables', words: [], options: { env: LOGIN } },
    {
      why: 'a name, and a password that is typed',
      words: ['--user', 'root'],
      options: { answers: [PASSWORD] },
    },
    {
      why: 'a name, and a password in the input',
      words: ['--user', 'root'],
      options: { input: `${PASSWORD}\n` },
    },
  ])('with $why', async ({ words, options }) => {
    const { code, out, complaints } = await run(['auth', 'whoami', ...words], options)

    expect({ code, complaints }).toEqual({ code: 0, complaints: [] })
    expect(out).toBe('user  root\nrole  admin\n')
  })

  test('with the token of a key, as a flag or a variable', async () => {
    const created = await run(['key', 'create', '--role', 'operator', '--json'], { env: LOGIN })
    const { token } = JSON.parse(created.out)

    expect((await run(['network', 'add', '10.0.0.0/24', '--token', token])).code).toBe(0)
    expect((await run(['network', 'list'], { env: { IPAM_TOKEN: token } })).code).toBe(0)
    expect((await run(['user', 'list'], { env: { IPAM_TOKEN: token } })).complaints).toEqual([
      expect.stringMatching(/^this needs the role admin, and key-.* has the role operator$/),
    ])
  })

  test('a flag wins over variables', async () => {
    const env = { ...LOGIN, IPAM_TOKEN: 'ipam_wrong' }

    expect((await run(['auth', 'whoami'], { env })).code).toBe(1)
    expect((await run(['auth', 'whoami', '--user', 'root'], { env })).code).toBe(0)
  })

  test.each([
    { words: [], options: {}, why: /^who asks\?/ },
    { words: ['--user', 'root'], options: {}, why: /^password of root is missing: set IPAM_PASSWORD/ },
    { words: ['--user', 'root:x'], options: {}, why: /^--user is a name alone/ },
    { words: ['--user', 'root', '--token', 'x'], options: {}, why: /one of them is enough$/ },
    { words: ['--user', 'root'], options: { answers: ['wrong'] }, why: /^name or password is wrong$/ },
  ])('what is missing or wrong is named: $why', async ({ words, options, why }) => {
    const { code, complaints } = await run(['network', 'list', ...words], options)

    expect(code).not.toBe(0)
    expect(complaints).toEqual([expect.stringMatching(why)])
  })

  test('what needs no server asks for no password', async () => {
    expect((await run(['completion', 'bash', '--user', 'root'])).code).toBe(0)
  })
})

test('a password that is typed twice is the same twice', async () => {
  const typed = await run(['user', 'passwd', 'root'], {
    env: LOGIN,
    answers: ['one password', 'another one'],
  })

  expect(typed).toMatchObject({ code: 2, complaints: ['the two are not the same'] })
})

test('login and new password may both come in the input, a line each', async () => {
  // The new one is asked for first: it is part of the request.
  const added = await run(['user', 'add', 'bob', '--user', 'root'], {
    input: `a longer password\n${PASSWORD}\n`,
  })

  expect(added).toMatchObject({ code: 0, complaints: [] })
})

test('where the answer with the token was lost, it says what to do', async () => {
  const relay = await openRelay(server, (_, count) => (count === 1 ? 'cutAfter' : 'pass'))
  const created = await run(['key', 'create', '--description', 'lost'], {
    env: { ...LOGIN, IPAM_SERVER: relay.url },
  })
  await relay.close()

  expect(created.code).toBe(1)
  expect(created.complaints).toEqual([
    expect.stringMatching(
      /its token went with an answer that was lost: ipam key revoke [a-z0-9]{16}, and create another$/,
    ),
  ])
  expect((await run(['key', 'revoke', 'lost'], { env: LOGIN })).code).toBe(0)
})

test('a key is shown with its token once, and listed without', async () => {
  const words = ['key', 'create', '--description', 'robot', '--ttl', '90d', '--tag', 'lab']
  const created = await run(words, { env: LOGIN })
  const listed = await run(['key', 'list'], { env: LOGIN })

  expect(created.out).toMatch(/^token {8}ipam_/)
  expect(created.complaints).toEqual(['keep the token: it is not shown again'])
  expect(listed.out).toMatch(/viewer +2024-04-14T10:30:00Z +tag lab +root +robot/)
  expect(listed.out).not.toContain('ipam_')
})
