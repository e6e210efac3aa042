import { describe, expect, test } from 'vitest'
import { parseSettings } from '../../bench/harness/settings.ts'

describe('the settings of a run', () => {
  test('a run that says nothing has five rounds of every claim', () => {
    expect(parseSettings([])).toMatchObject({
      isQuick: false,
      rounds: 5,
      measureMs: 4_000,
      clients: null,
      names: [],
    })
  })

  test('a quick run has fewer and shorter rounds, unless it names others', () => {
    expect(parseSettings(['--quick'])).toMatchObject({ isQuick: true, rounds: 3, measureMs: 1_000 })
    expect(parseSettings(['--quick', '--rounds', '7', '--seconds', '0.5'])).toMatchObject({
      rounds: 7,
      measureMs: 500,
    })
  })

  test('lists are separated by commas', () => {
    const args = [
      '--clients',
      '1,16',
      '--loads',
      'get,churn',
      '--families',
      '6',
      '--stored',
      '0,100000',
      'workloads',
    ]

    const { clients, workload, names } = parseSettings(args)

    expect(clients).toEqual([1, 16])
    expect(workload).toEqual({
      loads: ['get', 'churn'],
      placements: null,
      networks: null,
      families: [6],
      stored: [0, 100_000],
    })
    expect(names).toEqual(['workloads'])
  })

  test.each([
    { args: ['--rounds', '0'], says: '--rounds 0: it has to be a whole number from 1' },
    { args: ['--clients', '16,many'], says: '--clients many: it has to be a whole number from 1' },
    { args: ['--seconds', '-1'], says: '--seconds' },
    { args: ['--seconds', 'NaN'], says: '--seconds NaN: it has to be a number above 0' },
    { args: ['--families', '5'], says: '--families 5: it can be 4, 6' },
    { args: ['--placements', 'some'], says: '--placements some: it can be leader, all, followers' },
    { args: ['--round', '3'], says: '--round' },
  ])('$args is refused with what it can be', ({ args, says }) => {
    expect(() => parseSettings(args)).toThrow(says)
  })
})
