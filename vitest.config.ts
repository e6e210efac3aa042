import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/cluster/**', 'test/cli/processes.test.ts'],
          testTimeout: 20_000,
        },
      },
      {
        // Real processes on two cores: one file at a time, or they measure each other.
        test: {
          name: 'cluster',
          include: ['test/cluster/**/*.test.ts', 'test/cli/processes.test.ts'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
})
