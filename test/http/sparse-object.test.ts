import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { AddressParams } from '../../src/http/addresses.ts'
import { AllocateBody, RenewBody, UpdateAllocationBody } from '../../src/http/allocation-body.ts'
import { AllocationListParams, BatchBody } from '../../src/http/allocations.ts'
import { AuditParams } from '../../src/http/audit.ts'
import { AddNodeBody, RemoveNodeParams, TransferLeaderBody } from '../../src/http/cluster.ts'
import { AllocationExportParams, NetworkExportParams } from '../../src/http/export.ts'
import { ImportParams } from '../../src/http/import.ts'
import { CreateNetworkBody, UpdateNetworkBody } from '../../src/http/network-body.ts'
import { AvailableParams, AvailableSubnetsParams, CarveBody } from '../../src/http/network-space.ts'
import { NetworkListParams } from '../../src/http/networks.ts'
import { safeParseSparse } from '../../src/http/sparse-object.ts'
import { CreateKeyBody, CreateUserBody, UpdateUserBody } from '../../src/http/user-body.ts'

const SCHEMAS = {
  ...{
    AllocateBody,
    UpdateAllocationBody,
    RenewBody,
    BatchBody,
    AllocationListParams,
    AllocationExportParams,
  },
  ...{ CreateNetworkBody, UpdateNetworkBody, NetworkListParams, NetworkExportParams },
  ...{ AvailableParams, AvailableSubnetsParams, CarveBody, AddressParams, AuditParams, ImportParams },
  ...{ CreateUserBody, UpdateUserBody, CreateKeyBody, AddNodeBody, RemoveNodeParams, TransferLeaderBody },
}

/** Key order too: fingerprints of requests are made of it. */
function told(result: z.ZodSafeParseResult<unknown>): string {
  return JSON.stringify(result.success ? result.data : result.error.issues)
}

describe('an object with few of its fields', () => {
  test.each(Object.entries(SCHEMAS))('is to %s what the schema makes of it', (_, schema: z.ZodObject) => {
    const names = fc.constantFrom(...Object.keys(schema.shape), 'unknown', '__proto__', 'constructor')
    const texts = fc.constantFrom(
      '10.0.0.5',
      '10.0.0.0/24',
      'web-1',
      ' ',
      '',
      '7',
      'true',
      '2026-01-31T12:00:00Z',
    )
    const values = fc.oneof(
      texts,
      fc.constantFrom(null, 0, 1, 4, 0.5),
      fc.array(texts),
      fc.dictionary(texts, texts),
    )
    const objects = fc.uniqueArray(fc.tuple(names, values), { selector: ([name]) => name, maxLength: 4 })

    fc.assert(
      fc.property(objects, (entries) => {
        const value = Object.fromEntries(entries)

        expect(told(safeParseSparse(schema, value))).toBe(told(schema.safeParse(value)))
      }),
      { numRuns: 500 },
    )
  })

  test('is checked as a whole where its fields have to agree', () => {
    const schema = z
      .strictObject({ a: z.int().nullish(), b: z.int().nullish() })
      .refine(({ a, b }) => a === b)

    expect(safeParseSparse(schema, { a: 1, b: 2 }).success).toBe(false)
  })

  test('has defaults that no request can change for another', () => {
    const { data } = safeParseSparse(AllocateBody, {})

    expect(Object.isFrozen(data?.tags)).toBe(true)
    expect(Object.isFrozen(data?.metadata)).toBe(true)
  })
})
