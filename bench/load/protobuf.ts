/** The little of protocol buffers that etcd's KV service needs. */

/** A length-delimited field: bytes, text or a message. */
export function bytesField(field: number, value: Buffer): Buffer {
  return Buffer.concat([varint((field << 3) | 2), varint(value.length), value])
}

export function varintField(field: number, value: number): Buffer {
  return Buffer.concat([varint(field << 3), varint(value)])
}

/** @param value From 0 to 2^53 − 1. */
function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80)
  bytes.push(rest)
  return Buffer.from(bytes)
}

/** Fields of a message in their order: numbers of varints, bytes of the rest. @throws if it is cut off. */
export function* fieldsOf(message: Buffer): Generator<{ field: number; number: number; bytes: Buffer }> {
  const none = Buffer.alloc(0)
  for (let at = 0; at < message.length; ) {
    const tag = readVarint(message, at)
    const field = tag.value >>> 3
    const wire = tag.value & 7
    if (wire !== 0 && wire !== 2) throw new Error(`protobuf: wire type ${wire} of field ${field} is unknown`)
    const { value, end } = readVarint(message, tag.end)
    at = wire === 0 ? end : end + value
    if (at > message.length) throw new Error(`protobuf: field ${field} is cut off`)
    if (wire === 0) yield { field, number: value, bytes: none }
    else yield { field, number: 0, bytes: message.subarray(end, at) }
  }
}

function readVarint(bytes: Buffer, from: number): { value: number; end: number } {
  let value = 0
  let scale = 1
  for (let at = from; ; at++) {
    const byte = bytes[at]
    if (byte === undefined) throw new Error('protobuf: a number is cut off')
    value += (byte & 0x7f) * scale
    if (byte < 0x80) return { value, end: at + 1 }
    scale *= 128
  }
}
