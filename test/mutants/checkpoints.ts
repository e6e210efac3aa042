import { type Mutant, testFile } from './mutant.ts'

const CHECKPOINT = testFile('test/state/checkpoint.test.ts')
const SOURCE = 'src/state/README.md (Checkpoints)'

/** What a start makes of a picture of memory, and of what happened since. */
export const CHECKPOINTS: readonly Mutant[] = [
  {
    name: 'a checkpoint counts the parts that a crash has left of an earlier attempt',
    source: SOURCE,
    file: 'src/state/load-checkpoint.ts',
    find: `checkpointPartKey(head.generation, head.parts)`,
    replace: `checkpointParts(head.generation).lt`,
    caughtBy: CHECKPOINT,
  },
  {
    name: 'the head of a checkpoint is written before the rows of what its parts show',
    source: SOURCE,
    file: 'src/state/space-checkpoints.ts',
    find: `    await this.#flush()
`,
    replace: ``,
    caughtBy: CHECKPOINT,
  },
  {
    name: 'the journal begins when the checkpoint is done, not when it is begun',
    source: SOURCE,
    file: 'src/state/space-checkpoints.ts',
    find: `    this.#isJournaling = true
    this.#changes = 0
`,
    replace: `    this.#changes = 0
`,
    caughtBy: CHECKPOINT,
  },
  {
    name: 'a checkpoint repeats a change that was taken back',
    source: SOURCE,
    file: 'src/state/staged-rows.ts',
    find: `    this.#undo.push(() => this.#changes.pop())
`,
    replace: ``,
    caughtBy: CHECKPOINT,
  },
]
