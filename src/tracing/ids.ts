/** Names of traces and spans. */

export interface Ids {
  /** 32 hexadecimal digits, not all of them 0. */
  readonly newTraceId: () => string
  /** 16. */
  readonly newSpanId: () => string
}

const TRACE_ID_BYTES = 16
const SPAN_ID_BYTES = 8
/** A call for random bytes costs more than an id: they are got for many. */
const POOL_BYTES = 4 << 10

/** @param fill With random bytes. */
export function createIds(fill: (bytes: Buffer) => void): Ids {
  const pool = Buffer.alloc(POOL_BYTES)
  let offset = POOL_BYTES
  const take = (length: number): string => {
    if (offset + length > POOL_BYTES) {
      fill(pool)
      offset = 0
    }
    const id = pool.toString('hex', offset, offset + length)
    offset += length
    return /^0+$/.test(id) ? take(length) : id
  }
  return { newTraceId: () => take(TRACE_ID_BYTES), newSpanId: () => take(SPAN_ID_BYTES) }
}
