/** What a call comes to. */
import type { ApiAnswer } from './attempt.ts'

/** What a successful call comes to: the value, and what its headers say. */
export interface Answer<T> {
  readonly value: T
  readonly status: number
  /** Log index that it reflects: a later read with `min_index` shows at least as much. */
  readonly index: number | null
  /** What `ifMatch` takes. */
  readonly etag: string | null
  /** It was carried out before, by a call with the same key. */
  readonly isReplay: boolean
  /** Of a list, where that is known. */
  readonly totalCount: number | null
  readonly requestId: string | null
  readonly headers: Headers
}

export function toAnswer<T>({ status, headers }: ApiAnswer, value: T): Answer<T> {
  return {
    value,
    status,
    index: numberOf(headers.get('x-raft-index')),
    etag: headers.get('etag'),
    isReplay: headers.get('idempotency-replayed') === 'true',
    totalCount: numberOf(headers.get('x-total-count')),
    requestId: headers.get('x-request-id'),
    headers,
  }
}

function numberOf(text: string | null): number | null {
  return text === null ? null : Number(text)
}
