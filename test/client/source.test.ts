/** The client is what the description says, of what browsers have too. */
import { readFileSync } from 'node:fs'
import { build } from 'esbuild'
import { describe, expect, expectTypeOf, test } from 'vitest'
import type { z } from 'zod'
import { generateClient } from '../../scripts/client-source.ts'
import type * as client from '../../src/client/index.ts'
import { IpamClient } from '../../src/client/index.ts'
import type { AllocateBody } from '../../src/http/allocation-body.ts'
import type { CreateNetworkBody, UpdateNetworkBody } from '../../src/http/network-body.ts'
import { OPERATIONS } from '../../src/http/openapi/operations.ts'
import type * as shapes from '../../src/http/shapes.ts'

test.each(Object.entries(generateClient()))(
  '%s is in step: else run npx tsx scripts/generate-client.ts',
  (name, text) => {
    expect(readFileSync(`src/client/generated/${name}`, 'utf8')).toBe(text)
  },
)

test('there is a method for each operation', () => {
  const methods = Object.getOwnPropertyNames(IpamClient.prototype)

  expect(methods).toEqual(['constructor', ...OPERATIONS.map(({ id }) => id)])
})

test('it is one small file for a browser, which needs nothing else', async () => {
  const { outputFiles, metafile } = await build({
    entryPoints: ['src/client/index.ts'],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    write: false,
    metafile: true,
  })

  const inputs = Object.keys(metafile.inputs)
  expect(inputs.filter((path) => !path.startsWith('src/client/') && path !== 'src/show.ts')).toEqual([])
  expect(outputFiles[0]?.text).not.toMatch(/\b(?:process|Buffer|require|global)\b\s*[.(]/)
  expect(outputFiles[0]?.contents.byteLength).toBeLessThan(20_000)
})

describe('types', () => {
  test('answers are what the routes answer', () => {
    expectTypeOf<client.Network>().toEqualTypeOf<shapes.Network>()
    expectTypeOf<client.Allocation>().toEqualTypeOf<shapes.Allocation>()
    expectTypeOf<client.NetworkStats>().toEqualTypeOf<shapes.NetworkStats>()
    expectTypeOf<client.Address>().toEqualTypeOf<shapes.Address>()
    expectTypeOf<client.AuditEntry>().toEqualTypeOf<shapes.AuditEntry>()
    expectTypeOf<client.ClusterStatus>().toEqualTypeOf<shapes.ClusterStatus>()
    expectTypeOf<client.ApiKey>().toEqualTypeOf<shapes.ApiKey>()
    expectTypeOf<client.User>().toEqualTypeOf<shapes.User>()
    expectTypeOf<client.ImportReport>().toEqualTypeOf<shapes.ImportReport>()
    expectTypeOf<client.Problem>().toEqualTypeOf<shapes.Problem>()
  })

  test('requests have the fields that are validated', () => {
    expectTypeOf<keyof client.CreateNetwork>().toEqualTypeOf<keyof z.input<typeof CreateNetworkBody>>()
    expectTypeOf<keyof client.UpdateNetwork>().toEqualTypeOf<keyof z.input<typeof UpdateNetworkBody>>()
    expectTypeOf<keyof client.AllocateAddresses>().toEqualTypeOf<keyof z.input<typeof AllocateBody>>()
    expectTypeOf<client.CreateNetwork['cidr']>().toEqualTypeOf<string>()
    expectTypeOf<{ cidr: string }>().toExtend<client.CreateNetwork>()
    expectTypeOf<{ description: string }>().not.toExtend<client.CreateNetwork>()
    expectTypeOf<{ cidr: string; strategy: 'best' }>().not.toExtend<client.CreateNetwork>()
  })

  test('methods give what their operations answer', () => {
    expectTypeOf<IpamClient['createNetwork']>().returns.toEqualTypeOf<
      Promise<client.Answer<client.Network>>
    >()
    expectTypeOf<IpamClient['listNetworks']>().returns.toEqualTypeOf<client.Rows<client.Network>>()
    expectTypeOf<IpamClient['deleteNetwork']>().returns.toEqualTypeOf<Promise<client.Answer<void>>>()
    expectTypeOf<IpamClient['removeNode']>().parameter(0).toEqualTypeOf<number>()
  })
})
