/** What a load balancer takes for a node: ready, and either answering everything or ending as a node that is killed does. */
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface SeenRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface StandIn {
  readonly port: number
  /** But for health checks. */
  readonly seen: readonly SeenRequest[]
  [Symbol.asyncDispose](): Promise<void>
}

/** @param dies Reads each request to its end, and ends the connection instead of an answer. */
export async function startStandIn({ dies }: { dies: boolean }): Promise<StandIn> {
  const seen: SeenRequest[] = []
  const server = createServer(async (request, response) => {
    const { method = '', url = '', headers } = request
    if (url === '/api/v1/health/ready') {
      response.end('{}')
      return
    }
    const chunks: Buffer[] = await request.toArray()
    seen.push({ method, url, headers, body: Buffer.concat(chunks).toString() })
    if (dies) request.socket.destroy()
    else response.writeHead(200, { 'Content-Type': 'application/json' }).end('{}')
  })
  server.listen({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
