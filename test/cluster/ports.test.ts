/** Waiting for a program must not be what keeps it from starting. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { expect, test } from 'vitest'
import { isFree, isListening, reservePorts } from './ports.ts'

async function bind(port: number): Promise<Server> {
  const server = createServer().listen({ host: '127.0.0.1', port })
  await once(server, 'listening')
  return server
}

test('a port can be bound while somebody asks whether anybody listens there', async () => {
  const [port = 0] = await reservePorts(1)

  expect(await isListening(port)).toBe(false)
  const [, server] = await Promise.all([isListening(port), bind(port)])
  expect([await isListening(port), await isFree(port)]).toEqual([true, false])
  server.close()
  await once(server, 'close')

  expect([await isListening(port), await isFree(port)]).toEqual([false, true])
})
