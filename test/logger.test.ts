import { expect, test } from 'vitest'
import { createLogger } from '../src/logger.ts'

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
