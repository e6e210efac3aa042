import type { StateDatabase, StateStorage } from '../../src/state/storage.ts'

type Call = (...args: unknown[]) => unknown

/** What iterators over rows, keys and values have in common. */
interface Steps {
  next(): Promise<unknown>
  nextv(size: number, options?: object): Promise<readonly unknown[]>
  all(options?: object): Promise<readonly unknown[]>
}

/** Any storage, and how much of it is read: each key that is looked up, there or not, and each row that an iterator brings. */
export class CountingStorage implements StateStorage {
  /** So far. */
  readonly reads = { keys: 0, rows: 0 }
  /** Iterators that were opened, so far. */
  scans = 0
  readonly #storage: StateStorage

  constructor(storage: StateStorage) {
    this.#storage = storage
  }

  async open(): Promise<StateDatabase> {
    const open = (iterator: unknown): Steps => {
      this.scans += 1
      return iterator as Steps
    }
    const note = (name: 'keys' | 'rows', count: number): void => {
      this.reads[name] += count
    }
    return new Proxy(await this.#storage.open(), {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target)
        if (typeof value !== 'function') return value
        const call = value.bind(target) as Call
        switch (name) {
          case 'iterator':
          case 'keys':
          case 'values':
            return (options: object) => counted(open(call(options)), (count) => note('rows', count))
          case 'get':
          case 'getSync':
          case 'getMany':
            return (asked: string | readonly string[], ...rest: unknown[]) => {
              note('keys', [asked].flat().length)
              return call(asked, ...rest)
            }
          default:
            return call
        }
      },
    })
  }

  destroy(): Promise<void> {
    return this.#storage.destroy()
  }
}

function counted(iterator: Steps, note: (rows: number) => void): Steps {
  const [next, nextv, all] = [iterator.next, iterator.nextv, iterator.all].map((step) => {
    return (step as Call).bind(iterator)
  }) as [Steps['next'], Steps['nextv'], Steps['all']]
  const noted = <Rows extends readonly unknown[]>(rows: Rows): Rows => {
    note(rows.length)
    return rows
  }
  return Object.assign(iterator, {
    next: async () => {
      const row = await next()
      if (row !== undefined) note(1)
      return row
    },
    nextv: async (size: number, options: object = {}) => noted(await nextv(size, options)),
    all: async (options: object = {}) => noted(await all(options)),
  })
}
