/** The least that a durable write can cost on this machine: one fdatasync, then one round trip over loopback. */
import { closeSync, fdatasyncSync, fsyncSync, openSync, writeSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { openSocket } from './socket.ts'
import type { LoadClient, Workload } from './workload.ts'

/** @param directory On the disk that is measured. The port is of a server that sends back what it gets. */
export type FloorOperation = { readonly type: 'floor'; readonly directory: string }

const MESSAGE = Buffer.alloc(256, '.')
/** Written before: a sync then has no length of a file to store, as in a log of preallocated segments. */
const FILE_BYTES = 16 * 2 ** 20

export class FloorWorkload implements Workload {
  readonly retries = 0
  readonly rows = 0
  readonly #directory: string

  constructor({ directory }: FloorOperation) {
    this.#directory = directory
  }

  async open(port: number, index: number): Promise<LoadClient> {
    const file = openSync(join(this.#directory, `floor-${index}`), 'w')
    writeSync(file, Buffer.alloc(FILE_BYTES))
    fsyncSync(file)
    const echo = await Echo.open(port)
    let at = 0
    return {
      async once() {
        writeSync(file, MESSAGE, 0, MESSAGE.length, at)
        fdatasyncSync(file)
        at = (at + MESSAGE.length) % FILE_BYTES
        await echo.roundTrip()
      },
      close() {
        closeSync(file)
        echo.close()
      },
    }
  }
}

class Echo {
  #socket: Socket | null = null
  #missing = 0
  #resolve: () => void = () => {}
  #reject: (error: Error) => void = () => {}

  static async open(port: number): Promise<Echo> {
    const echo = new Echo()
    echo.#socket = await openSocket(port, {
      onBytes(bytes) {
        echo.#missing -= bytes.length
        if (echo.#missing === 0) echo.#resolve()
      },
      onEnd: (error) => echo.#reject(error),
    })
    return echo
  }

  roundTrip(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      this.#missing = MESSAGE.length
      this.#socket?.write(MESSAGE)
    })
  }

  close(): void {
    this.#reject = () => {}
    this.#socket?.destroy()
  }
}
