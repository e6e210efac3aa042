/**
 * A disk in memory that keeps what is not synced apart, and loses it as a real one may.
 *
 * A crash keeps, drops or tears: each unsynced sector on its own ends as it was, or as any write since left it; each
 * unsynced creation, removal and rename on its own has happened or not. What it does depends on the seed alone.
 */
import { AssertionError, assert } from '../../raft/assert.ts'
import type { Disk, DiskFile } from '../../raft/ports.ts'

const SECTOR_BYTES = 512
export const DISK_BYTES = 2 ** 40

/** `random` decides for each sector and each name. */
export type CrashMode = 'drop' | 'keep' | 'random'
export type Fault = 'crash' | 'EIO' | 'ENOSPC' | 'short-write'
export type OperationKind =
  | 'create'
  | 'write'
  | 'allocate'
  | 'truncate'
  | 'sync'
  | 'rename'
  | 'remove'
  | 'makeDirectory'
  | 'syncDirectory'

/** Every promise of a mount rejects with this once its machine has lost power, and every `write` throws it. */
export class PowerLossError extends Error {
  override readonly name = 'PowerLossError'
}

export interface MemoryDiskOptions {
  readonly random: () => number
  readonly capacityBytes?: number
  /** Called before each operation that is asynchronous completes; the simulator lets time pass here. */
  readonly delay?: (kind: OperationKind, bytes: number) => Promise<void>
  /** The power went in the middle of an operation: whoever uses the disk ends with it. */
  readonly onPowerLoss?: () => void
}

/** What a sector of a file goes back to, or on to, in a crash. */
interface DirtySector {
  /** `null`: past the durable end. */
  readonly durable: Buffer | null
  /** Each content since. */
  readonly versions: { readonly change: number; readonly content: Buffer }[]
}

interface Inode {
  content: Buffer
  sizeBytes: number
  durableSizeBytes: number
  /** Number of the last change of content or size. */
  lastChange: number
  /** The last change that is durable with all before it. */
  durableChange: number
  dirty: Map<number, DirtySector>
  /** After a failed sync: clean for the page cache, never written. Only a new write makes them dirty again. */
  lost: Map<number, Buffer | null>
}

type NameChange =
  | { readonly type: 'create' | 'remove'; readonly path: string; readonly inode: Inode }
  | { readonly type: 'rename'; readonly from: string; readonly to: string; readonly inode: Inode }

/** Durable files by path. */
export interface DiskImage {
  readonly files: ReadonlyMap<string, Buffer>
  readonly directories: ReadonlySet<string>
}

export const EMPTY_DISK: DiskImage = { files: new Map(), directories: new Set(['']) }

/** The device. `mount` gives the `Disk` of one process life. */
export class MemoryDisk {
  readonly #random: () => number
  /** What all files together may take. */
  capacityBytes: number
  /** What was asked of it, done or not. */
  readonly work = { syncs: 0, writes: 0, bytes: 0 }
  readonly #delay: (kind: OperationKind, bytes: number) => Promise<void>
  readonly #directories = new Set<string>([''])
  readonly #faults = new Map<number, Fault>()
  #names = new Map<string, Inode>()
  #durableNames = new Map<string, Inode>()
  #nameChanges: NameChange[] = []
  #life = 0
  #operations = 0

  readonly #onPowerLoss: () => void

  constructor({
    random,
    capacityBytes = DISK_BYTES,
    delay = async () => {},
    onPowerLoss = () => {},
  }: MemoryDiskOptions) {
    this.#random = random
    this.capacityBytes = capacityBytes
    this.#delay = delay
    this.#onPowerLoss = onPowerLoss
  }

  /** Operations that change something, so far; see `failAt`. */
  get operations(): number {
    return this.#operations
  }

  /** The operation with this number, counted from 1, fails. A `crash` does it first, unsynced; then the power goes. */
  failAt(operation: number, fault: Fault): void {
    this.#faults.set(operation, fault)
  }

  clearFaults(): void {
    this.#faults.clear()
  }

  /** Ends the life of every mount before: their operations reject from now on. */
  mount(): Disk {
    this.#life++
    return new Mount(this, this.#life)
  }

  /** The power goes: unsynced sectors and names are lost, kept or torn. Mounts from before are dead. */
  crash(mode: CrashMode): void {
    this.#life++
    for (const change of this.#nameChanges) {
      if (this.#decide(mode)) applyNameChange(this.#durableNames, change)
    }
    this.#nameChanges = []
    this.#names = new Map(this.#durableNames)
    for (const inode of new Set(this.#names.values())) this.#crashFile(inode, mode)
  }

  /** The process dies and the machine lives: nothing is lost, but nothing more is synced. Mounts from before are dead. */
  kill(): void {
    this.#life++
  }

  /** Files and what a read of them would return. */
  contents(): Map<string, Buffer> {
    const paths = [...this.#names.keys()].toSorted()
    return new Map(paths.map((path) => [path, Buffer.from(readInode(this.#inode(path), 0, Infinity))]))
  }

  /** Somebody else's files take all but so much of what is free. */
  fill(leftBytes: number): void {
    this.capacityBytes += leftBytes - this.freeBytes()
  }

  /** What the device would hold if the power failed now and nothing unsynced survived. */
  image(): DiskImage {
    const files = new Map<string, Buffer>()
    for (const [path, inode] of this.#durableNames) files.set(path, durableContent(inode))
    return { files, directories: new Set(this.#directories) }
  }

  /** Another content altogether, durably: an old image comes back, or an empty disk. Mounts from before are dead. */
  replace({ files, directories }: DiskImage): void {
    this.#life++
    this.#nameChanges = []
    this.#directories.clear()
    for (const directory of directories) this.#directories.add(directory)
    this.#durableNames = new Map([...files].map(([path, content]) => [path, inodeOf(content)]))
    this.#names = new Map(this.#durableNames)
  }

  /** Changes bytes behind everybody's back: bit rot, or a test's own file. */
  overwrite(path: string, offset: number, bytes: Uint8Array): void {
    const inode = this.#inode(path)
    assert(offset + bytes.length <= inode.sizeBytes, `${path} ends before offset ${offset + bytes.length}`)
    inode.content.set(bytes, offset)
  }

  flipBit(path: string, offset: number, bit: number): void {
    const byte = this.#inode(path).content[offset] ?? 0
    this.overwrite(path, offset, Uint8Array.of(byte ^ (1 << bit)))
  }

  /** Makes a file disappear, durably. */
  lose(path: string): void {
    this.#names.delete(path)
    this.#durableNames.delete(path)
  }

  checkAlive(life: number): void {
    if (life !== this.#life) throw new PowerLossError('this process is dead')
  }

  list(directory: string): string[] {
    const prefix = directory === '' || directory === '.' ? '' : `${directory}/`
    const paths = [...this.#names.keys(), ...this.#directories].filter(
      (path) => path !== '' && path.startsWith(prefix),
    )
    const names = paths.map((path) => path.slice(prefix.length)).filter((name) => !name.includes('/'))
    return names.filter((name) => name !== '').toSorted()
  }

  find(path: string): Inode | null {
    return this.#names.get(path) ?? null
  }

  freeBytes(): number {
    let used = 0
    for (const inode of new Set(this.#names.values())) used += inode.sizeBytes
    return Math.max(0, this.capacityBytes - used)
  }

  /**
   * Counts an operation, fails it if that was asked for, and lets its delay pass.
   *
   * @param takeEffect What it does before it is durable.
   */
  async operate(life: number, kind: OperationKind, bytes: number, takeEffect: () => void): Promise<void> {
    this.checkAlive(life)
    this.#begin(kind, takeEffect)
    if (kind === 'sync') this.work.syncs += 1
    await this.#delay(kind, bytes)
    this.checkAlive(life)
  }

  write(life: number, inode: Inode, offset: number, bytes: Uint8Array): void {
    this.work.writes += 1
    this.work.bytes += bytes.length
    this.checkAlive(life)
    const cut = Math.floor(this.#random() * bytes.length)
    this.#begin(
      'write',
      () => this.#writeInode(inode, offset, bytes),
      () => this.#writeInode(inode, offset, bytes.subarray(0, cut)),
    )
  }

  allocate(inode: Inode, sizeBytes: number): void {
    const missing = sizeBytes - inode.sizeBytes
    if (missing > 0) this.#writeInode(inode, inode.sizeBytes, Buffer.alloc(missing))
  }

  truncate(inode: Inode, sizeBytes: number): void {
    growContent(inode, sizeBytes)
    const first = Math.floor(sizeBytes / SECTOR_BYTES)
    const end = Math.ceil(inode.sizeBytes / SECTOR_BYTES)
    for (let sector = first; sector < end; sector++) markDirty(inode, sector)
    inode.content.fill(0, sizeBytes)
    inode.sizeBytes = sizeBytes
    noteChange(inode, { first, end })
  }

  create(path: string): Inode {
    const parent = path.split('/').slice(0, -1).join('/')
    if (!this.#directories.has(parent)) throw systemError('ENOENT', path)
    const inode = inodeOf(Buffer.alloc(0))
    this.#changeNames({ type: 'create', path, inode })
    return inode
  }

  remove(path: string): void {
    const inode = this.#names.get(path)
    if (inode !== undefined) this.#changeNames({ type: 'remove', path, inode })
  }

  rename(from: string, to: string): void {
    const inode = this.#names.get(from)
    if (inode === undefined) throw systemError('ENOENT', from)
    this.#changeNames({ type: 'rename', from, to, inode })
  }

  makeDirectory(path: string): void {
    const parts = path.split('/')
    for (let count = 1; count <= parts.length; count++) this.#directories.add(parts.slice(0, count).join('/'))
  }

  /** What a sync that begins now makes durable, as a function to call when it is. */
  beginSync(inode: Inode): () => void {
    const { lastChange, sizeBytes } = inode
    return () => {
      // Two syncs may be under way, and the one that began first may end last: what the other made durable stays.
      if (lastChange < inode.durableChange) return
      inode.durableChange = lastChange
      inode.durableSizeBytes = sizeBytes
      for (const [sector, { durable, versions }] of inode.dirty) {
        const synced = versions.filter(({ change }) => change <= lastChange)
        const later = versions.filter(({ change }) => change > lastChange)
        if (later.length === 0) inode.dirty.delete(sector)
        else inode.dirty.set(sector, { durable: synced.at(-1)?.content ?? durable, versions: later })
      }
    }
  }

  /** fsyncgate: the kernel reports the error once and calls the pages clean. */
  failSync(inode: Inode): void {
    for (const [sector, { durable }] of inode.dirty) {
      if (!inode.lost.has(sector)) inode.lost.set(sector, durable)
    }
    inode.dirty.clear()
  }

  beginSyncDirectory(directory: string): () => void {
    const changes = this.#nameChanges.filter((change) => parentOf(change) === directory)
    return () => {
      for (const change of changes) applyNameChange(this.#durableNames, change)
      this.#nameChanges = this.#nameChanges.filter((change) => !changes.includes(change))
    }
  }

  #begin(kind: OperationKind, takeEffect: () => void, takePartOfIt: () => void = () => {}): void {
    this.#operations++
    const fault = this.#faults.get(this.#operations)
    if (fault === undefined) {
      takeEffect()
    } else if (fault === 'crash') {
      takeEffect()
      this.crash('random')
      this.#onPowerLoss()
      throw new PowerLossError(`power lost in operation ${this.#operations}, ${kind}`)
    } else {
      if (fault === 'short-write') takePartOfIt()
      throw systemError(fault === 'short-write' ? 'ENOSPC' : fault, kind)
    }
  }

  #decide(mode: CrashMode): boolean {
    return mode === 'keep' || (mode === 'random' && this.#random() < 0.5)
  }

  #inode(path: string): Inode {
    const inode = this.#names.get(path)
    if (inode === undefined) throw new AssertionError(`no file ${path}`)
    return inode
  }

  #changeNames(change: NameChange): void {
    this.#nameChanges.push(change)
    applyNameChange(this.#names, change)
  }

  #writeInode(inode: Inode, offset: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return
    const end = offset + bytes.length
    if (this.freeBytes() < end - inode.sizeBytes) throw systemError('ENOSPC', 'write')
    growContent(inode, end)
    const first = Math.floor(offset / SECTOR_BYTES)
    const last = Math.floor((end - 1) / SECTOR_BYTES)
    for (let sector = first; sector <= last; sector++) markDirty(inode, sector)
    inode.content.set(bytes, offset)
    inode.sizeBytes = Math.max(inode.sizeBytes, end)
    noteChange(inode, { first, end: last + 1 })
  }

  #crashFile(inode: Inode, mode: CrashMode): void {
    let sizeBytes = this.#decide(mode) ? inode.sizeBytes : inode.durableSizeBytes
    for (const [sector, durable] of inode.lost) restoreSector(inode, sector, durable)
    for (const [sector, { durable, versions: changed }] of inode.dirty) {
      const versions = changed.map(({ content }) => content)
      const choices =
        mode === 'drop' ? [durable] : mode === 'keep' ? versions.slice(-1) : [durable, ...versions]
      const chosen = choices[Math.floor(this.#random() * choices.length)] ?? null
      restoreSector(inode, sector, chosen)
      // A file that was never cut is at least as long as what is in it.
      if (chosen !== null && chosen !== durable && inode.sizeBytes >= inode.durableSizeBytes) {
        sizeBytes = Math.max(sizeBytes, Math.min(inode.sizeBytes, (sector + 1) * SECTOR_BYTES))
      }
    }
    inode.content.fill(0, Math.min(sizeBytes, inode.content.length))
    growContent(inode, sizeBytes)
    inode.sizeBytes = sizeBytes
    inode.durableSizeBytes = sizeBytes
    inode.dirty.clear()
    inode.lost.clear()
  }
}

/** One process's view. Everything rejects once the process is dead. */
class Mount implements Disk {
  readonly #device: MemoryDisk
  readonly #life: number

  constructor(device: MemoryDisk, life: number) {
    this.#device = device
    this.#life = life
  }

  async list(directory: string): Promise<string[]> {
    this.#device.checkAlive(this.#life)
    return this.#device.list(directory)
  }

  async open(path: string, { create }: { create: boolean }): Promise<DiskFile | null> {
    this.#device.checkAlive(this.#life)
    const found = this.#device.find(path)
    if (found !== null) return new OpenFile(this.#device, this.#life, found)
    if (!create) return null
    await this.#operate('create', () => this.#device.create(path))
    const made = this.#device.find(path)
    if (made === null) throw new AssertionError(`${path} vanished`)
    return new OpenFile(this.#device, this.#life, made)
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#operate('rename', () => this.#device.rename(from, to))
  }

  async remove(path: string): Promise<void> {
    await this.#operate('remove', () => this.#device.remove(path))
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#operate('makeDirectory', () => this.#device.makeDirectory(path))
  }

  async syncDirectory(path: string): Promise<void> {
    const finish = this.#device.beginSyncDirectory(path)
    await this.#operate('syncDirectory', () => {})
    finish()
  }

  async freeBytes(): Promise<number> {
    this.#device.checkAlive(this.#life)
    return this.#device.freeBytes()
  }

  async #operate(kind: OperationKind, takeEffect: () => void): Promise<void> {
    await this.#device.operate(this.#life, kind, 0, takeEffect)
  }
}

class OpenFile implements DiskFile {
  readonly #device: MemoryDisk
  readonly #life: number
  readonly #inode: Inode
  #isOpen = true

  constructor(device: MemoryDisk, life: number, inode: Inode) {
    this.#device = device
    this.#life = life
    this.#inode = inode
  }

  sizeBytes(): number {
    return this.#inode.sizeBytes
  }

  async read(offset: number, length: number): Promise<Buffer> {
    this.#checkOpen()
    const bytes = Buffer.from(readInode(this.#inode, offset, length))
    // Another turn of the queue, as a real read is: what the file holds may change meanwhile.
    await null
    this.#device.checkAlive(this.#life)
    return bytes
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#checkOpen()
    this.#device.write(this.#life, this.#inode, offset, bytes)
  }

  async allocate(sizeBytes: number): Promise<void> {
    await this.#operate('allocate', sizeBytes, () => this.#device.allocate(this.#inode, sizeBytes))
  }

  async truncate(sizeBytes: number): Promise<void> {
    await this.#operate('truncate', 0, () => this.#device.truncate(this.#inode, sizeBytes))
  }

  async sync(): Promise<void> {
    const finish = this.#device.beginSync(this.#inode)
    try {
      await this.#operate('sync', 0, () => {})
    } catch (error) {
      if (!(error instanceof PowerLossError)) this.#device.failSync(this.#inode)
      throw error
    }
    finish()
  }

  async close(): Promise<void> {
    this.#isOpen = false
  }

  async #operate(kind: OperationKind, bytes: number, takeEffect: () => void): Promise<void> {
    this.#checkOpen()
    await this.#device.operate(this.#life, kind, bytes, takeEffect)
  }

  #checkOpen(): void {
    assert(this.#isOpen, 'the file is closed')
    this.#device.checkAlive(this.#life)
  }
}

function applyNameChange(names: Map<string, Inode>, change: NameChange): void {
  switch (change.type) {
    case 'create':
      names.set(change.path, change.inode)
      break
    case 'remove':
      if (names.get(change.path) === change.inode) names.delete(change.path)
      break
    case 'rename':
      if (names.get(change.from) === change.inode) names.delete(change.from)
      names.set(change.to, change.inode)
      break
  }
}

function inodeOf(content: Buffer): Inode {
  const whole = Buffer.alloc(Math.ceil(content.length / SECTOR_BYTES) * SECTOR_BYTES)
  content.copy(whole)
  return {
    content: whole,
    sizeBytes: content.length,
    durableSizeBytes: content.length,
    lastChange: 0,
    durableChange: 0,
    dirty: new Map(),
    lost: new Map(),
  }
}

function durableContent(inode: Inode): Buffer {
  const content = Buffer.alloc(Math.ceil(inode.durableSizeBytes / SECTOR_BYTES) * SECTOR_BYTES)
  inode.content.copy(content)
  for (const changed of [inode.lost, new Map([...inode.dirty].map(([at, { durable }]) => [at, durable]))]) {
    for (const [sector, durable] of changed) {
      const start = sector * SECTOR_BYTES
      if (start >= content.length) continue
      if (durable === null) content.fill(0, start, start + SECTOR_BYTES)
      else content.set(durable.subarray(0, content.length - start), start)
    }
  }
  return content.subarray(0, inode.durableSizeBytes)
}

function parentOf(change: NameChange): string {
  const path = change.type === 'rename' ? change.to : change.path
  return path.split('/').slice(0, -1).join('/')
}

function readInode(inode: Inode, offset: number, length: number): Buffer {
  return inode.content.subarray(Math.min(offset, inode.sizeBytes), Math.min(offset + length, inode.sizeBytes))
}

function growContent(inode: Inode, sizeBytes: number): void {
  if (sizeBytes <= inode.content.length) return
  const sectors = Math.ceil(Math.max(sizeBytes, inode.content.length * 1.5) / SECTOR_BYTES)
  const larger = Buffer.alloc(sectors * SECTOR_BYTES)
  inode.content.copy(larger)
  inode.content = larger
}

/** Sectors from `first` to before `end` have new content, or the file another size. */
function noteChange(inode: Inode, { first, end }: { first: number; end: number }): void {
  inode.lastChange += 1
  const change = inode.lastChange
  for (let sector = first; sector < end; sector++) {
    inode.dirty.get(sector)?.versions.push({ change, content: copySector(inode, sector) })
  }
}

function copySector(inode: Inode, sector: number): Buffer {
  return Buffer.from(inode.content.subarray(sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES))
}

function restoreSector(inode: Inode, sector: number, content: Buffer | null): void {
  const start = sector * SECTOR_BYTES
  if (content === null) inode.content.fill(0, start, start + SECTOR_BYTES)
  else inode.content.set(content, start)
}

function markDirty(inode: Inode, sector: number): void {
  if (inode.dirty.has(sector)) return
  const lost = inode.lost.get(sector)
  inode.lost.delete(sector)
  const isDurable = sector * SECTOR_BYTES < inode.durableSizeBytes
  const durable = lost !== undefined ? lost : isDurable ? copySector(inode, sector) : null
  inode.dirty.set(sector, { durable, versions: [] })
}

function systemError(code: string, what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code })
}
