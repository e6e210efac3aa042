/** The page for people in a real browser, which can reach nothing but a proxy that notes what it is asked for. */
import { execFile } from 'node:child_process'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import { OPERATIONS } from '../../src/http/openapi/operations.ts'
import { test } from './cluster-test.ts'
import { reservePorts } from './ports.ts'
import { until } from './until.ts'

const HOST = 'ipam.example'

/** Whatever name the browser looks for, it asks here. */
async function openProxy(target: number): Promise<{ port: number; asked: string[]; close: () => void }> {
  const asked: string[] = []
  const server = createServer((incoming, outgoing) => {
    const url = new URL(incoming.url ?? '')
    asked.push(url.href)
    const { method } = incoming
    request({ port: target, path: url.pathname, method }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    }).end()
  })
  server.on('connect', (incoming, socket) => {
    asked.push(incoming.url ?? '')
    socket.destroy()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { port: (server.address() as AddressInfo).port, asked, close: () => void server.close() }
}

test('the page shows every operation in a browser, and loads nothing', async ({
  startProgram,
  directory,
}) => {
  const [port = 0] = await reservePorts(1)
  startProgram(['server', '--listen', `127.0.0.1:${port}`], { cwd: directory })
  await until('the node serves', async () => (await fetch(`http://127.0.0.1:${port}/api/v1/health`)).ok)
  const proxy = await openProxy(port)

  const { stdout } = await promisify(execFile)(
    'chromium',
    [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
      `--user-data-dir=${directory}/browser`,
      `--proxy-server=127.0.0.1:${proxy.port}`,
      '--dump-dom',
      `http://${HOST}/docs#allocate`,
    ],
    { maxBuffer: 16 << 20, timeout: 60_000 },
  )
  proxy.close()

  for (const { id } of OPERATIONS) expect(stdout).toContain(`<details class="operation" id="${id}"`)
  expect(proxy.asked.filter((url) => url.includes(HOST))).toEqual([`http://${HOST}/docs`])
  // The script ran: it has opened what the address names, and put the origin into the calls.
  expect(stdout).toMatch(/<details class="operation" id="allocate" [^>]*open=""/)
  expect(stdout).toContain(`<span class="origin">http://${HOST}</span>`)
  expect(stdout).not.toContain('<span class="origin">http://127.0.0.1:8080</span>')
})
