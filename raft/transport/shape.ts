/** Shapes: how a value of the protocol becomes plain msgpack, and the strict way back. */
import { assert } from '../assert.ts'
import { ProtocolError } from './errors.ts'

/** @throws {ProtocolError} from `decode`, whatever the bytes were. */
export interface Shape<T> {
  encode(value: T): unknown
  decode(value: unknown): T
}

/** Terms, indexes, counters. */
export const counter: Shape<number> = plain(
  (value): value is number => Number.isSafeInteger(value) && (value as number) >= 0,
  'not a non-negative safe integer',
)

export const positive: Shape<number> = plain(
  (value): value is number => Number.isSafeInteger(value) && (value as number) > 0,
  'not a positive safe integer',
)

export const flag: Shape<boolean> = plain(
  (value): value is boolean => typeof value === 'boolean',
  'not a boolean',
)

export const bytes: Shape<Uint8Array> = plain(
  (value): value is Uint8Array => value instanceof Uint8Array,
  'not bytes',
)

export function text(lengthMax: number): Shape<string> {
  return plain(
    (value): value is string => typeof value === 'string' && value.length <= lengthMax,
    `not a text of at most ${lengthMax} characters`,
  )
}

export function oneOf<T extends string>(words: readonly T[]): Shape<T> {
  return plain((value): value is T => words.includes(value as T), `not one of ${words.join(', ')}`)
}

export function nullable<T>(inner: Shape<T>): Shape<T | null> {
  return {
    encode: (value) => (value === null ? null : inner.encode(value)),
    decode: (value) => (value === null ? null : inner.decode(value)),
  }
}

export function list<T>(inner: Shape<T>): Shape<readonly T[]> {
  return {
    encode: (values) => values.map((value) => inner.encode(value)),
    decode: (value) => {
      if (!Array.isArray(value)) throw new ProtocolError('not a list')
      let i = 0
      try {
        const values: T[] = []
        for (; i < value.length; i++) values.push(inner.decode(value[i]))
        return values
      } catch (error) {
        throw located(error, String(i))
      }
    },
  }
}

type Fields<T> = { readonly [K in keyof T]: Shape<T[K]> }

/** A list of the field values, in the order in which `fields` names them: small, and its length is checked. */
export function tuple<T extends object>(fields: Fields<T>): Shape<T> {
  const columns = columnsOf(fields)
  return {
    encode: (record) => columns.map(([key, shape]) => shape.encode(record[key])),
    decode: (value) => {
      if (!Array.isArray(value) || value.length !== columns.length) {
        throw new ProtocolError(`not a list of ${columns.length} fields`)
      }
      return decodeColumns(columns, value)
    },
  }
}

/** A map with the field names. Unknown ones are ignored, so that a later version may add to it. */
export function map<T extends object>(fields: Fields<T>): Shape<T> {
  const columns = columnsOf(fields)
  return {
    encode: (record) => Object.fromEntries(columns.map(([key, shape]) => [key, shape.encode(record[key])])),
    decode: (value) => {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        throw new ProtocolError('not a map')
      }
      const record = value as Record<string, unknown>
      return decodeColumns(
        columns,
        columns.map(([key]) => record[key as string]),
      )
    },
  }
}

/** A union that `type` tells apart: its number in `shapes`, then that variant's fields. */
export function variant<T extends { readonly type: string }>(
  shapes: {
    readonly [K in T['type']]: Shape<Omit<Extract<T, { readonly type: K }>, 'type'>>
  },
): Shape<T> {
  const types = Object.keys(shapes) as T['type'][]
  return {
    encode: (value) => [types.indexOf(value.type), shapes[value.type as T['type']].encode(value as never)],
    decode: (value) => {
      if (!Array.isArray(value) || value.length !== 2) throw new ProtocolError('not a variant')
      const type = types[counter.decode(value[0])]
      if (type === undefined) throw new ProtocolError('unknown variant')
      return { type, ...shapes[type].decode(value[1]) } as unknown as T
    },
  }
}

function plain<T>(isValid: (value: unknown) => value is T, complaint: string): Shape<T> {
  return {
    encode: (value) => {
      assert(isValid(value), 'cannot be sent: {}', complaint)
      return value
    },
    decode: (value) => {
      if (!isValid(value)) throw new ProtocolError(complaint)
      return value
    },
  }
}

type Column<T> = readonly [keyof T, Shape<T[keyof T]>]

function columnsOf<T extends object>(fields: Fields<T>): readonly Column<T>[] {
  return Object.entries(fields) as unknown as readonly Column<T>[]
}

function decodeColumns<T>(columns: readonly Column<T>[], values: readonly unknown[]): T {
  const record: Partial<T> = {}
  let i = 0
  try {
    for (const [key, shape] of columns) {
      record[key] = shape.decode(values[i])
      i += 1
    }
  } catch (error) {
    throw located(error, String(columns[i]?.[0]))
  }
  return record as T
}

/** Says where in the message it went wrong. */
function located(error: unknown, where: string): unknown {
  return error instanceof ProtocolError ? new ProtocolError(`${where}: ${error.message}`) : error
}
