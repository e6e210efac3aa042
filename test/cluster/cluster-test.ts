/** `test` with clusters that end with it, whatever its outcome; a failure tells what the nodes logged. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test as plainTest } from 'vitest'
import { Cluster, type ClusterOptions } from './cluster.ts'
import { Program } from './program.ts'

export interface ClusterFixtures {
  /** A cluster whose nodes are ready. */
  startCluster: (options?: ClusterOptions) => Promise<Cluster>
  /** Any other run of the program. */
  startProgram: (args: readonly string[], options: { cwd: string }) => Program
  /** Empty, and removed afterwards. */
  directory: string
}

export const test = plainTest.extend<ClusterFixtures>({
  startCluster: async ({ onTestFailed }, use) => {
    const clusters: Cluster[] = []
    onTestFailed(() => {
      for (const cluster of clusters) cluster.tellLogs()
    })
    await use(async (options) => {
      const cluster = await Cluster.start(options)
      clusters.push(cluster)
      return cluster
    })
    await Promise.all(clusters.map((cluster) => cluster.close()))
  },
  startProgram: async ({ onTestFailed }, use) => {
    const programs: Program[] = []
    onTestFailed(() => {
      for (const { stderr } of programs) process.stderr.write(`---\n${stderr.slice(-40).join('\n')}\n`)
    })
    await use((args, options) => {
      const program = new Program(args, options)
      programs.push(program)
      return program
    })
    await Promise.all(programs.map((program) => program.kill()))
  },
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of fixtures from the pattern.
  directory: async ({}, use) => {
    const directory = await mkdtemp(join(tmpdir(), 'ipam-test-'))
    await use(directory)
    await rm(directory, { recursive: true, force: true })
  },
})
