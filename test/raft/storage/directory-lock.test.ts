import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { DirectoryInUseError, holderOf, lockDirectory } from '../../../raft/storage/directory-lock.ts'
import { temporaryDirectory } from './temporary-directory.ts'

/** A process that says something once it listens. It ends with the test, also with one that fails. */
async function startHolder(program: string): Promise<ChildProcess> {
  const holder = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void holder.kill('SIGKILL'))
  await once(holder.stdout, 'data')
  return holder
}

test('a data directory is used by one process at a time, which the refusal names', async () => {
  const directory = temporaryDirectory()
  const release = await lockDirectory(directory)

  const second = lockDirectory(directory)

  await expect(second).rejects.toThrow(DirectoryInUseError)
  await expect(second).rejects.toThrow(`data directory ${directory} is in use by process ${process.pid}`)
  await release()
})

test('a data directory that was released can be locked again, and leaves nothing behind', async () => {
  const directory = path.join(temporaryDirectory(), 'x'.repeat(120))
  for (let time = 0; time < 3; time++) {
    const release = await lockDirectory(directory)
    await release()
  }
  expect(fs.readdirSync(directory)).toEqual([])
})

test('the socket file of a process that was killed is no obstacle', async () => {
  const directory = temporaryDirectory()
  const socket = path.join(directory, 'lock.sock')
  const program = `require('node:net').createServer().listen(${JSON.stringify(socket)}, () => console.log('listening'))`
  const holder = await startHolder(program)
  await expect(lockDirectory(directory)).rejects.toThrow(DirectoryInUseError)

  holder.kill('SIGKILL')
  await once(holder, 'close')

  expect(fs.existsSync(socket)).toBe(true)
  const release = await lockDirectory(directory)
  await release()
})

test('who holds a directory is told without taking it or leaving anything in it', async () => {
  const directory = temporaryDirectory()
  expect(await holderOf(directory)).toBeNull()
  const release = await lockDirectory(directory)
  const names = fs.readdirSync(directory)

  expect(await holderOf(directory)).toBe(String(process.pid))

  expect(fs.readdirSync(directory)).toEqual(names)
  await release()
  expect(await holderOf(directory)).toBeNull()
  expect(fs.readdirSync(directory)).toEqual([])
})

test('a holder in another container, seen by its socket file only, is told from one that is dead', async () => {
  const directory = temporaryDirectory()
  const socket = path.join(directory, 'lock.sock')
  const program = `require('node:net').createServer((s) => s.end('77')).listen(${JSON.stringify(socket)}, () => console.log('listening'))`
  const holder = await startHolder(program)

  expect(await holderOf(directory)).toBe('77')

  holder.kill('SIGKILL')
  await once(holder, 'close')
  expect(await holderOf(directory)).toBeNull()
  expect(fs.existsSync(socket)).toBe(true)
})
