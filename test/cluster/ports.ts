/** Free ports of the loopback interface. */
import { connect, createServer } from 'node:net'

/** Below what Linux gives to outgoing connections (32768 and up), or one of those could take a port first. */
const PORT_MIN = 15_000
const PORT_MAX = 32_000

/** Of this process; where another takes one between our look and its use, the cluster starts again on others. */
const reserved = new Set<number>()

export async function reservePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  while (ports.length < count) {
    const port = PORT_MIN + Math.floor(Math.random() * (PORT_MAX - PORT_MIN))
    if (reserved.has(port) || !(await isFree(port))) continue
    reserved.add(port)
    ports.push(port)
  }
  return ports
}

/** @returns whether it could be taken. It is, for a moment: nothing to wait with for a program that is about to. */
export async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  const isListening = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false))
    server.listen({ host: '127.0.0.1', port }, () => resolve(true))
  })
  if (isListening) await new Promise((resolve) => server.close(resolve))
  return isListening
}

/** @returns whether somebody takes connections there. The port itself is left alone. */
export async function isListening(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port })
  const isConnected = await new Promise<boolean>((resolve) => {
    socket.once('error', () => resolve(false)).once('connect', () => resolve(true))
  })
  socket.destroy()
  return isConnected
}
