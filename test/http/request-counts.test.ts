import { describe, expect, test } from 'vitest'
import { createApp } from '../../src/http/app.ts'
import { RequestCounts } from '../../src/http/request-counts.ts'
import { createMemoryLogger, OneNodeService, openControl } from './fixture.ts'

/** The API, and what it has counted: `METHOD route status` → how often. */
async function openCounted() {
  const counts = new RequestCounts()
  const service = await OneNodeService.open()
  const logger = createMemoryLogger()
  const { authenticator } = openControl(service)
  const app = createApp({
    service,
    authenticator,
    logger,
    version: '1.0.0',
    counts,
    scrape: async () => 'scraped\n',
  })
  const send = (method: string, path: string) => app.request(`http://localhost${path}`, { method })
  const counted = () =>
    Object.fromEntries(
      [...counts.all()].flatMap(({ method, route, statuses }) =>
        [...statuses].map(([status, count]) => [`${method} ${route} ${status}`, count]),
      ),
    )
  return { app, counts, service, send, counted, logger }
}

describe('counting requests', () => {
  test('a request is counted under the pattern of its route, whatever ids are in its path', async () => {
    const { send, counted, service } = await openCounted()

    await send('GET', '/api/v1/networks/net-1')
    await send('GET', '/api/v1/networks/net-2')
    await send('GET', '/api/v1/networks')
    await send('HEAD', '/api/v1/networks')

    expect(counted()).toEqual({
      'GET /api/v1/networks/:id 404': 2,
      'GET /api/v1/networks 200': 1,
      'HEAD /api/v1/networks 200': 1,
    })
    await service.close()
  })

  test('all that no route has is one line for each method that there is', async () => {
    const { send, counted, counts, service } = await openCounted()

    for (let i = 0; i < 50; i++) await send('GET', `/scan/${i}`)
    await send('DELETE', '/api/v1/health')
    for (const method of ['PROPFIND', 'BREW', 'REPORT']) await send(method, '/api/v1/networks')

    expect(counted()).toEqual({
      'GET unrouted 404': 50,
      'DELETE unrouted 405': 1,
      'other unrouted 405': 3,
    })
    expect(counts.inFlight).toBe(0)
    await service.close()
  })

  test('a handler has one route, so that it may remember how it is counted', async () => {
    const { app, service } = await openCounted()
    const paths = new Map<unknown, Set<string>>()
    for (const { handler, path } of app.routes) {
      paths.set(handler, (paths.get(handler) ?? new Set()).add(path))
    }

    expect([...paths.values()].filter((ofOne) => ofOne.size > 1)).toEqual([])
    await service.close()
  })

  test('/metrics is beside the API, plain text, and no news for the log', async () => {
    const { send, logger, service } = await openCounted()

    const response = await send('GET', '/metrics')

    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(await response.text()).toBe('scraped\n')
    expect(logger.lines.filter(({ level }) => level !== 'debug')).toEqual([])
    await service.close()
  })
})
