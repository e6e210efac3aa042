/** Where a node's certificates are. Each node has its own, at the same paths: the cluster file is the same everywhere. */
import { dirname, isAbsolute, join } from 'node:path'
import { z } from 'zod'
import { show } from './show.ts'

export interface RaftTls {
  readonly cert: string
  readonly key: string
  readonly ca: string
  /** That all members' certificates have; null: each the host of its addr. */
  readonly name: string | null
}

export interface HttpTls {
  readonly cert: string
  readonly key: string
  /** Who signs certificates of clients; null: they are not asked for any. */
  readonly clientCa: string | null
}

const path = z
  .string({
    error: ({ input }) =>
      input === undefined ? 'is missing: a file in PEM' : `must be a file, not ${show(input)}`,
  })
  .min(1, { error: 'must be a file, not ""' })
const section = { error: ({ input }: { input?: unknown }) => `must be a section of keys, not ${show(input)}` }

export const RaftTlsSchema = z.strictObject(
  {
    ca: path,
    cert: path,
    key: path,
    name: z
      .string({ error: ({ input }) => `must be a host name, not ${show(input)}` })
      .regex(/^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/, {
        error: ({ input }) => `must be a host name, not ${show(input)}`,
      })
      .nullable()
      .default(null),
  },
  section,
)

export const HttpTlsSchema = z.strictObject(
  { cert: path, key: path, client_ca: path.nullable().default(null) },
  section,
)

/** @param file The cluster file: relative paths start where it is. */
export function raftTlsBeside(file: string, tls: RaftTls | null): RaftTls | null {
  if (tls === null) return null
  const { cert, key, ca, name } = tls
  return { cert: beside(file, cert), key: beside(file, key), ca: beside(file, ca), name }
}

export function httpTlsBeside(file: string, tls: HttpTls | null): HttpTls | null {
  if (tls === null) return null
  const { cert, key, clientCa } = tls
  return {
    cert: beside(file, cert),
    key: beside(file, key),
    clientCa: clientCa === null ? null : beside(file, clientCa),
  }
}

function beside(file: string, name: string): string {
  return isAbsolute(name) ? name : join(dirname(file), name)
}
