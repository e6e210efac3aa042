import { describe, expect, test } from 'vitest'
import type { Disk, DiskFile } from '../../raft/ports.ts'

/** What every `Disk` does. Crashes are not part of it: only the one in memory can have them on demand. */
export function describeDisk(name: string, makeDisk: () => Promise<Disk>): void {
  async function makeFile(disk: Disk, path = 'd/f'): Promise<DiskFile> {
    await disk.makeDirectory('d')
    const file = await disk.open(path, { create: true })
    if (file === null) throw new Error('a created file is missing')
    return file
  }

  describe(`a disk: ${name}`, () => {
    test('reads back what was written, wherever in the file', async () => {
      const file = await makeFile(await makeDisk())

      file.write(0, Buffer.from('hello world'))
      file.write(6, Buffer.from('there'))
      file.write(2000, Buffer.from('far'))
      file.write(0, Buffer.from('H'))

      expect((await file.read(0, 11)).toString()).toBe('Hello there')
      expect(await file.read(11, 10)).toEqual(Buffer.alloc(10))
      expect(file.sizeBytes()).toBe(2003)
      await file.close()
    })

    test('reads fewer bytes only at the end of a file', async () => {
      const file = await makeFile(await makeDisk())
      file.write(0, Buffer.from('abc'))

      expect((await file.read(1, 10)).toString()).toBe('bc')
      expect(await file.read(3, 10)).toHaveLength(0)
      expect(await file.read(30, 10)).toHaveLength(0)
      await file.close()
    })

    test('allocates zeros after what is there', async () => {
      const file = await makeFile(await makeDisk())
      file.write(0, Buffer.from('abc'))

      await file.allocate(3_000_000)

      expect(file.sizeBytes()).toBe(3_000_000)
      const bytes = await file.read(0, 3_000_000)
      expect(bytes.subarray(0, 3).toString()).toBe('abc')
      expect(bytes.subarray(3).equals(Buffer.alloc(2_999_997))).toBe(true)
      await file.close()
    })

    test('cuts a file', async () => {
      const disk = await makeDisk()
      const file = await makeFile(disk)
      file.write(0, Buffer.from('abcdef'))

      await file.truncate(2)
      file.write(4, Buffer.from('x'))
      await file.sync()
      await file.close()

      const again = await makeFile(disk)
      expect(await again.read(0, 10)).toEqual(Buffer.from('ab\0\0x'))
      await again.close()
    })

    test('finds a file again by its name', async () => {
      const disk = await makeDisk()
      const file = await makeFile(disk)
      file.write(0, Buffer.from('abc'))
      await file.sync()
      await disk.syncDirectory('d')
      await file.close()

      const again = await disk.open('d/f', { create: false })

      expect(again?.sizeBytes()).toBe(3)
      await again?.close()
      expect(await disk.open('d/missing', { create: false })).toBeNull()
    })

    test('lists a directory, and nothing where there is none', async () => {
      const disk = await makeDisk()
      await (await makeFile(disk, 'd/b')).close()
      await (await makeFile(disk, 'd/a')).close()

      expect((await disk.list('d')).toSorted()).toEqual(['a', 'b'])
      expect(await disk.list('missing')).toEqual([])
    })

    test('renames over an existing file', async () => {
      const disk = await makeDisk()
      const from = await makeFile(disk, 'd/from')
      from.write(0, Buffer.from('new'))
      await from.close()
      await (await makeFile(disk, 'd/to')).close()

      await disk.rename('d/from', 'd/to')

      expect(await disk.list('d')).toEqual(['to'])
      const to = await makeFile(disk, 'd/to')
      expect((await to.read(0, 10)).toString()).toBe('new')
      await to.close()
    })

    test('removes a file that is still being read, and one that does not exist', async () => {
      const disk = await makeDisk()
      const file = await makeFile(disk)
      file.write(0, Buffer.from('abc'))

      await disk.remove('d/f')
      await disk.remove('d/f')

      expect(await disk.list('d')).toEqual([])
      expect((await file.read(0, 3)).toString()).toBe('abc')
      await file.close()
    })

    test('makes a directory with its parents, once or again', async () => {
      const disk = await makeDisk()

      await disk.makeDirectory('a/b/c')
      await disk.makeDirectory('a/b/c')

      await (await makeFile(disk, 'a/b/c/f')).close()
      expect(await disk.list('a/b/c')).toEqual(['f'])
    })

    test('says how many bytes are free', async () => {
      const disk = await makeDisk()
      await disk.makeDirectory('d')
      expect(await disk.freeBytes()).toBeGreaterThan(0)
    })
  })
}
