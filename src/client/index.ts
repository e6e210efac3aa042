/** `ipam/client`: the public surface. Nothing here is of Node: it runs in browsers and Deno too. */
export type { Answer } from './answer.ts'
export type { CallOptions, ClientOptions, WriteOptions } from './caller.ts'
export { ApiError, UnavailableError } from './errors.ts'
export { IpamClient } from './generated/ipam-client.ts'
export type * from './generated/types.ts'
export type { Rows } from './rows.ts'
