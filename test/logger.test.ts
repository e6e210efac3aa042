import { describe, expect, test } from 'vitest'
import { createLogger, gatherRequests } from '../src/logger.ts'

test('an error is logged with its message and that of its cause', () => {
  const lines: unknown[] = []
  const logger = createLogger({ level: 'info', stream: { write: (line) => lines.push(JSON.parse(line)) } })

  logger.warn({ error: new Error('no way', { cause: new Error('no road') }) }, 'an error')
  logger.warn({ error: 'no way' }, 'its text')

  expect(lines).toMatchObject([
    { msg: 'an error', error: { type: 'Error', message: 'no way: no road' } },
    { msg: 'its text', error: 'no way' },
  ])
})

describe('lines about requests', () => {
  const line = (name: string, msg = 'request') => `{"name":"${name}","msg":"${msg}"}\n`

  function open() {
    const written: string[] = []
    const waiting: (() => void)[] = []
    const stream = {
      write: (lines: string) => written.push(lines),
      flushSync: () => written.push('flushed'),
    }
    const gathered = gatherRequests(stream, (callback) => waiting.push(callback))
    return { written, waiting, stream, gathered }
  }

  test('leave together, a moment after the first of them', () => {
    const { written, waiting, gathered } = open()
    for (const name of ['a', 'b', 'c']) gathered.write(line(name))
    expect([written, waiting.length]).toEqual([[], 1])
    waiting.shift()?.()
    gathered.write(line('d'))
    waiting.shift()?.()

    expect(written).toEqual([line('a') + line('b') + line('c'), line('d')])
  })

  test('leave before whatever else is said, which leaves at once', () => {
    const { written, waiting, gathered } = open()
    gathered.write(line('a'))
    gathered.write(line('b', 'role, term or leader changed'))
    expect(written).toEqual([line('a') + line('b', 'role, term or leader changed')])

    for (const callback of waiting) callback()
    expect(written).toHaveLength(1)
  })

  test('are known by how a logger writes them', () => {
    const { written, gathered } = open()
    createLogger({ level: 'info', stream: gathered }).info(
      { path: '/api/v1/networks', status: 201 },
      'request',
    )

    expect(written).toEqual([])
  })

  test('leave when they are many', () => {
    const { written, gathered } = open()
    for (let i = 0; i < 1_000; i++) gathered.write(line(String(i)))

    expect(written.length).toBeGreaterThan(2)
    expect(Math.max(...written.map(({ length }) => length))).toBeLessThan(8 * 1024 + 64)
  })

  test('leave when the process exits', () => {
    const { written, stream, gathered } = open()
    gathered.write(line('a'))
    stream.flushSync()

    expect(written).toEqual([line('a'), 'flushed'])
  })
})
