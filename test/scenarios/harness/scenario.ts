/** A test that is a story: it runs, keeps its promise, and leaves exactly the trace that is on file. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { Cluster, type ClusterOptions } from './cluster.ts'

const TRACES = new URL('../traces/', import.meta.url)
/** Writes the traces anew; what a scenario asserts must hold all the same. */
const IS_UPDATE = process.env['UPDATE_TRACES'] === '1'

export interface Scenario extends ClusterOptions {
  /** A true sentence. */
  readonly title: string
  /** Thesis section or figure, and the real bug if there was one. */
  readonly source: string
}

/** @param name Of the file under `traces`, without its ending. */
export function scenario(name: string, options: Scenario, run: (cluster: Cluster) => void): void {
  test(`${options.title} (${options.source})`, () => {
    const cluster = new Cluster(options)
    try {
      run(cluster)
    } catch (error) {
      if (error instanceof Error) error.message += `\n\n${cluster.trace}`
      throw error
    }
    const path = new URL(`${name}.trace`, TRACES)
    const text = `${options.title}\n${options.source}\n\n${cluster.trace}`
    if (IS_UPDATE) writeFileSync(path, text)
    if (!existsSync(path))
      throw new Error(`there is no trace ${name}: UPDATE_TRACES=1 writes it; read it before you commit it`)
    expect(text, 'UPDATE_TRACES=1 writes the traces anew; read the difference').toBe(
      readFileSync(path, 'utf8'),
    )
  })
}
