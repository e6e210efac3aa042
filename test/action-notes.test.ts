import { describe, expect, test } from 'vitest'
import { NotLeaderError } from '../raft/errors.ts'
import { ActionNotes } from '../src/action-notes.ts'
import type { ClusterCommand } from '../src/ipam/cluster-command.ts'
import type { CommandContext } from '../src/ipam/command.ts'
import { createMemoryLogger } from './http/fixture.ts'
import { ManualClock } from './state/harness.ts'

const NOTE: ClusterCommand = { type: 'noteTransfer', from: 1, to: 2 }
const ALICE: CommandContext = { user: 'alice', requestId: 'req-1' }

function notesThat(execute: (note: ClusterCommand, context: CommandContext) => Promise<{ index: number }>) {
  const clock = new ManualClock()
  const logger = createMemoryLogger()
  return { clock, logger, notes: new ActionNotes({ execute, clock, logger }) }
}

describe('a note of what was done', () => {
  test('is answered with its index, and leaves no timer', async () => {
    const { clock, logger, notes } = notesThat(async () => ({ index: 7 }))

    expect(await notes.write(NOTE, ALICE)).toBe(7)

    expect(clock.timers).toBe(0)
    expect(logger.lines).toEqual([])
  })

  test('is not waited for while the log stands still, and is written when it goes on', async () => {
    const applied: ClusterCommand[] = []
    let goOn = (): void => {}
    const { clock, logger, notes } = notesThat((note) => {
      return new Promise((resolve) => {
        goOn = () => {
          applied.push(note)
          resolve({ index: 7 })
        }
      })
    })

    const written = notes.write(NOTE, ALICE)
    clock.runTimers()

    expect(await written).toBeNull()
    goOn()
    expect(applied).toEqual([NOTE])
    expect(logger.lines).toEqual([])
  })

  test('that cannot be written makes no failure of what was done, and is in the log of the node', async () => {
    const error = new NotLeaderError(null)
    const { clock, logger, notes } = notesThat(() => Promise.reject(error))

    expect(await notes.write(NOTE, ALICE)).toBeNull()

    expect(clock.timers).toBe(0)
    expect(logger.lines).toEqual([
      {
        level: 'warn',
        fields: { note: NOTE, user: 'alice', requestId: 'req-1', err: error },
        message: 'a change of the cluster could not be audited',
      },
    ])
  })
})
