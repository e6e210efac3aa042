/**
 * Keeps two processes from opening one data directory. The lock is a listening socket: the kernel lets go of it when
 * its process ends, however it ends, and says at once whether somebody still listens.
 */
import fs from 'node:fs'
import net from 'node:net'
import { relative } from 'node:path'

const SOCKET_NAME = 'lock.sock'
/** The holder answers from its event loop, which may be busy; that it accepted is proof enough. */
const ANSWER_TIMEOUT_MS = 1_000
/** `sun_path` holds 108 bytes on Linux and 104 on macOS, the final zero included. */
const SOCKET_PATH_BYTES_MAX = 103

/** Another process holds the directory; the message says which, where it is known. */
export class DirectoryInUseError extends Error {
  override readonly name = 'DirectoryInUseError'
}

/**
 * Two sockets, for what each alone lacks. The name in the abstract namespace (Linux) is given to one process only,
 * atomically, but is seen only within one network namespace. The socket file is seen by every container that mounts
 * the directory, but one that a dead process left must be told from a live one and replaced, which is not atomic.
 *
 * @returns What releases the directory.
 * @throws {DirectoryInUseError}
 */
export async function lockDirectory(path: string): Promise<() => Promise<void>> {
  fs.mkdirSync(path, { recursive: true, mode: 0o700 })
  const { dev, ino } = fs.statSync(path)
  const abstractName = process.platform === 'linux' ? abstractNameOf({ dev, ino }) : null
  const nameLock = abstractName === null ? null : await listen(abstractName)
  if (abstractName !== null && nameLock === null) throw await inUse(path, abstractName)
  const directory = openDirectory(path)
  try {
    const fileLock = await lockFile(path, directory)
    return async () => {
      // Listening ends before the file goes: what is left of it is then known to be stale.
      await release(fileLock)
      if (directory !== null) fs.closeSync(directory)
      await release(nameLock)
    }
  } catch (error) {
    if (directory !== null) fs.closeSync(directory)
    await release(nameLock)
    throw error
  }
}

/**
 * Who uses the directory, without taking it or leaving anything in it.
 *
 * @returns The process id, empty if the holder does not say; `null` if nobody does. Somebody may start a moment later.
 */
export async function holderOf(path: string): Promise<string | null> {
  const { dev, ino } = fs.statSync(path)
  const named = process.platform === 'linux' ? await askHolder(abstractNameOf({ dev, ino })) : null
  if (named !== null || !fs.existsSync(`${path}/${SOCKET_NAME}`)) return named
  const directory = openDirectory(path)
  try {
    return await askHolder(socketPath(path, directory))
  } finally {
    if (directory !== null) fs.closeSync(directory)
  }
}

function abstractNameOf({ dev, ino }: { dev: number; ino: number }): string {
  return `\0raft-lock-${dev}-${ino}`
}

async function lockFile(path: string, directory: number | null): Promise<net.Server | null> {
  const name = socketPath(path, directory)
  try {
    const server = await listen(name)
    if (server !== null) return server
    if (await isAnswered(name)) throw await inUse(path, name)
    fs.rmSync(name, { force: true })
    const second = await listen(name)
    if (second === null) throw await inUse(path, name)
    return second
  } catch (error) {
    // A file system without sockets, as some that are shared into a virtual machine.
    const isUnsupported = ['EOPNOTSUPP', 'ENOTSUP', 'EPERM', 'ENOSYS'].includes(codeOf(error))
    if (isUnsupported && process.platform === 'linux') return null
    throw error
  }
}

/** The kernel resolves `/proc/self/fd/N`, so that the length of the directory's own path does not matter. */
function socketPath(path: string, directory: number | null): string {
  if (directory !== null) return `/proc/self/fd/${directory}/${SOCKET_NAME}`
  const full = `${path}/${SOCKET_NAME}`
  const short = relative(process.cwd(), full)
  const shorter = short.length < full.length ? short : full
  if (Buffer.byteLength(shorter) > SOCKET_PATH_BYTES_MAX)
    throw new Error(`data directory ${path}: the path is too long`)
  return shorter
}

function openDirectory(path: string): number | null {
  return process.platform === 'linux' ? fs.openSync(path, fs.constants.O_RDONLY) : null
}

/** @returns `null` if the name is taken, by a living process or, for a file, by what a dead one left. */
function listen(name: string): Promise<net.Server | null> {
  return new Promise((resolve, reject) => {
    const server = net.createServer((socket) => {
      socket.on('error', () => socket.destroy())
      socket.end(String(process.pid))
    })
    server.on('error', (error) => {
      if (codeOf(error) === 'EADDRINUSE') resolve(null)
      else reject(error)
    })
    server.listen(name, () => {
      server.unref()
      resolve(server)
    })
  })
}

function release(server: net.Server | null): Promise<void> {
  return new Promise((resolve) => {
    if (server === null) resolve()
    else server.close(() => resolve())
  })
}

async function isAnswered(name: string): Promise<boolean> {
  return (await askHolder(name)) !== null
}

async function inUse(path: string, name: string): Promise<DirectoryInUseError> {
  const holder = (await askHolder(name)) ?? 'unknown'
  return new DirectoryInUseError(`data directory ${path} is in use by process ${holder || 'unknown'}`)
}

/** @returns The holder's process id, empty if it accepts but does not say; `null` if nobody listens. */
function askHolder(name: string): Promise<string | null> {
  return new Promise((resolve) => {
    let answer = ''
    const socket = net.connect(name)
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy())
    socket.on('data', (bytes: Buffer) => {
      answer += bytes.toString('utf8')
    })
    socket.on('error', (error) => {
      const isDead = ['ECONNREFUSED', 'ENOENT'].includes(codeOf(error))
      resolve(isDead ? null : answer)
    })
    socket.on('close', () => resolve(answer))
  })
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
