/** Free ports of the loopback interface. */
import { createServer } from 'node:net'

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

export async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  const isListening = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false))
    server.listen({ host: '127.0.0.1', port }, () => resolve(true))
  })
  if (isListening) await new Promise((resolve) => server.close(resolve))
  return isListening
}
