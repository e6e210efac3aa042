/** TCP for drivers: nothing is allocated for a read but what the reader keeps. */
import { connect, type Socket } from 'node:net'

const READ_BYTES_MAX = 256 * 1024
/** One for all sockets: a read is handed over before the next one begins. */
const readBuffer = Buffer.allocUnsafe(READ_BYTES_MAX)

/** @param onBytes The bytes are overwritten by the next read of any socket. */
export function openSocket(
  port: number,
  { onBytes, onEnd }: { onBytes: (bytes: Buffer) => void; onEnd: (error: Error) => void },
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: '127.0.0.1',
      port,
      noDelay: true,
      onread: {
        buffer: readBuffer,
        callback(length) {
          onBytes(readBuffer.subarray(0, length))
          return true
        },
      },
    })
    socket.once('connect', () => resolve(socket))
    socket.once('error', (error) => {
      reject(error)
      onEnd(error)
    })
    socket.once('close', () => onEnd(new Error(`the server at port ${port} has closed the connection`)))
  })
}
