/** The installation that this code is part of. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

interface Package {
  /** Where `package.json` lies. */
  readonly directory: string
  readonly version: string
}

/** The nearest directory above this file that holds our `package.json`: one level up in `src`, more in `dist`. */
export function findPackage(): Package {
  for (let url = new URL('.', import.meta.url); ; url = new URL('..', url)) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL('package.json', url), 'utf8'))
      if (name === 'ipam') return { directory: fileURLToPath(url), version: String(version) }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || url.pathname === '/') throw error
    }
  }
}

export function readVersion(): string {
  return findPackage().version
}
