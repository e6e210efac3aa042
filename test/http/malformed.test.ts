import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Api, openApi } from './fixture.ts'
import { MALFORMED } from './malformed.ts'
import { sendRaw } from './raw-http.ts'

let api: Api

beforeAll(async () => {
  api = await openApi()
})

afterAll(() => api.close())

describe('malformed requests (api.md, Conventions)', () => {
  test('there are at least 200, each with a name of its own', () => {
    const names = MALFORMED.map((each) => each.why)

    expect(names.length).toBeGreaterThanOrEqual(200)
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([])
  })

  test.each(MALFORMED)('$why is answered with $status $reason', async ({ bytes, status, reason, field }) => {
    const response = await sendRaw(api, bytes)

    expect(response).toMatchObject({ status })
    expect(response?.headers.get('content-type')).toBe('application/json')
    const body = JSON.parse(response?.body ?? '')
    expect(body).toMatchObject({ code: status, reason })
    expect(body.error).toMatch(/\S/)
    expect(body.error.length).toBeLessThan(3_000)
    expect(body.request_id).toMatch(/\S/)
    if (status !== 400) expect(body.applied).toBe('no')
    if (field === null) return
    const fields: string[] = body.details.map((detail: { field: string }) => detail.field)
    expect(fields.map((name) => name.replace(/^(.+?)(?:\[\d+\]|\..*)$/s, '$1'))).toContain(field)
  })

  test('none of them changed anything, and the API still serves', async () => {
    expect(api.service.appliedIndex).toBe(0)
    expect(await api.request('GET', '/networks')).toMatchObject({ status: 200, body: [] })
    expect(api.lines.filter((line) => line.level === 'error')).toEqual([])
  })
})
