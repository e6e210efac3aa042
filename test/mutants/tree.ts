/** A copy of the source tree to plant bugs in: the checkout itself is never touched. */
import { rmSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Mutant, plant } from './mutant.ts'

const COPIED = ['raft', 'src', 'test', 'package.json', 'tsconfig.json', 'vitest.config.ts']

export class Tree {
  readonly path: string

  private constructor(path: string) {
    this.path = path
  }

  static async copy(): Promise<Tree> {
    const path = await mkdtemp(join(tmpdir(), 'mutants-'))
    for (const name of COPIED) await cp(name, join(path, name), { recursive: true })
    // A directory of links, not a link to the directory: tools keep their caches in it.
    await mkdir(join(path, 'node_modules'))
    for (const name of await readdir('node_modules')) {
      if (!name.startsWith('.')) {
        await symlink(resolve('node_modules', name), join(path, 'node_modules', name))
      }
    }
    return new Tree(path)
  }

  /** Calls `use` while the bug is in the tree. */
  async with<T>(mutant: Mutant, use: () => Promise<T>): Promise<T> {
    const path = join(this.path, mutant.file)
    const text = await readFile(path, 'utf8')
    await writeFile(path, plant(mutant, text))
    try {
      return await use()
    } finally {
      await writeFile(path, text)
    }
  }

  /** At once, also when the process is about to end. */
  remove(): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}
