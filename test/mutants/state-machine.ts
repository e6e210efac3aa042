import { type Mutant, testFile } from './mutant.ts'

const APPLY = testFile('test/ipam/apply.test.ts')
const IDS = testFile('test/state/allocation-ids.test.ts')
const FLUSH = testFile('test/state/flush.test.ts')
const SNAPSHOT = testFile('test/state/snapshot.test.ts')
const STAGED_ROWS = testFile('test/state/staged-rows.test.ts')
const LEVEL_STORAGE = testFile('test/state/level-storage.test.ts')
const POWER_FAILURE = testFile('test/state/power-failure.test.ts')
const RANDOM_COMMANDS = testFile('test/state/random-commands.test.ts')

/** What the log leads to. */
export const STATE_MACHINE: readonly Mutant[] = [
  {
    name: 'an allocated address is free for the next entry',
    source: 'promise 1',
    file: 'src/state/allocation-rows.ts',
    find: `    network.space.allocate(range)
`,
    replace: ``,
    caughtBy: RANDOM_COMMANDS,
  },
  {
    name: 'an id from before an older backup was restored leads to somebody else',
    source: 'promise 1; ids that say where a row lies',
    file: 'src/state/allocation-rows.ts',
    find: `return allocation?.id === id ? allocation : null`,
    replace: `return allocation`,
    caughtBy: IDS,
  },
  {
    name: 'the allocations of a batch have one id if their tokens are equal',
    source: 'promise 1; ids that say where a row lies',
    file: 'src/ipam/allocation-id.ts',
    find: `return sequence === 0 ? place :`,
    replace: `return sequence >= 0 ? place :`,
    caughtBy: IDS,
  },
  {
    name: 'a second release frees an address that somebody else has by now',
    source: 'promises 1 and 4',
    file: 'src/ipam/apply-allocation.ts',
    find: `  if (before.status !== 'allocated') return accept(before)
`,
    replace: ``,
    caughtBy: APPLY,
  },
  {
    name: 'allocations expire by the clock of the node, not by the log’s',
    source: 'src/state/README.md (TTL)',
    file: 'src/ipam/apply-allocation.ts',
    find: `store.dueAllocations({ time: at.time, limit })`,
    replace: `store.dueAllocations({ time: Date.now(), limit })`,
    caughtBy: APPLY,
  },
  {
    name: 'an allocation expires that was released before',
    source: 'src/state/README.md (TTL)',
    file: 'src/state/allocation-rows.ts',
    find: `    this.#setExpiry(position, expiresAt)
    this.#rows.noteChange({ network: network.position, range, isAllocated: false,`,
    replace: `    this.#rows.noteChange({ network: network.position, range, isAllocated: false,`,
    caughtBy: RANDOM_COMMANDS,
  },
  {
    name: 'an expiry leaves no audit row',
    source: 'promise 6',
    file: 'src/ipam/apply-allocation.ts',
    find: `    store.appendAudit({
      timestamp: at.time,
      action: 'ip_expired',`,
    replace: `    const noRow = (_: object): void => {}
    noRow({
      timestamp: at.time,
      action: 'ip_expired',`,
    caughtBy: APPLY,
  },
  {
    name: 'a release leaves no audit row',
    source: 'promise 6',
    file: 'src/ipam/apply-allocation.ts',
    find: `  store.appendAudit({
    timestamp: at.time,
    action: 'ip_released',`,
    replace: `  const noRow = (_: object): void => {}
  noRow({
    timestamp: at.time,
    action: 'ip_released',`,
    caughtBy: APPLY,
  },
  {
    name: 'a network hands out the addresses of its child',
    source: 'api.md (nesting)',
    file: 'src/state/network-rows.ts',
    find: `    this.#delegate(state, [rangeOf(prefix)])
`,
    replace: ``,
    caughtBy: RANDOM_COMMANDS,
  },
  {
    name: 'the addresses of a network that was deleted are nobody’s',
    source: 'api.md (nesting)',
    file: 'src/state/network-rows.ts',
    find: `    this.#delegate(network, this.#childRanges(namespace, prefix))
`,
    replace: ``,
    caughtBy: APPLY,
  },
  {
    name: 'a network gets its parent’s addresses, allocated or not',
    source: 'promise 1; api.md (nesting)',
    file: 'src/ipam/apply-network.ts',
    find: `const occupied = parent === null ? null : refuseOccupied(parent, prefix)`,
    replace: `const occupied = null as ReturnType<typeof refuseOccupied>`,
    caughtBy: APPLY,
  },
  {
    name: 'a restart forgets which addresses belong to children',
    source: 'api.md (nesting)',
    file: 'src/state/load.ts',
    find: `delegated: rangesOf(prefix, prefixes.childrenOf(network.namespace, prefix)),`,
    replace: `delegated: [],`,
    caughtBy: RANDOM_COMMANDS,
  },
  {
    name: 'the applied index is written after the rows, not with them',
    source: 'src/state/README.md (one atomic batch); bug 23, etcd#13766',
    file: 'src/state/flush.ts',
    find: `      await batch.put(APPLIED_KEY, encodeApplied(point)).write(SYNCED)`,
    replace: `      await batch.write(SYNCED)
      await this.#database.put(APPLIED_KEY, encodeApplied(point), SYNCED)`,
    caughtBy: POWER_FAILURE,
  },
  {
    name: 'a flush of a part of the rows says that it has all of them',
    source: 'rule 10; bug 23',
    file: 'src/state/overlay.ts',
    find: `const point = this.#sealed.length === 0 ? this.#point : (layers.at(-1)?.point ?? this.#point)`,
    replace: `const point = this.#point`,
    caughtBy: FLUSH,
  },
  {
    name: 'a flush is not synced',
    source: 'rule 10; bug 23 and 38',
    file: 'src/state/flush.ts',
    find: `encodeApplied(point)).write(SYNCED)`,
    replace: `encodeApplied(point)).write()`,
    caughtBy: POWER_FAILURE,
  },
  {
    name: 'the row that ends a restore is not synced',
    source: 'snapshots; bug 24 and 31',
    file: 'src/state/state-machine.ts',
    find: `await database.put(APPLIED_KEY, applied, SYNCED)`,
    replace: `await database.put(APPLIED_KEY, applied)`,
    caughtBy: POWER_FAILURE,
  },
  {
    name: 'who waits for a restore that fails is answered from the empty state',
    source: 'promise 5; bug 31',
    file: 'src/state/state-machine.ts',
    find: `    } catch (error) {
      this.#failure = { error }
      await database.close()`,
    replace: `    } catch (error) {
      await database.close()`,
    caughtBy: SNAPSHOT,
  },
  {
    name: 'half of an entry that could not be applied is shown to readers',
    source: 'promise 5; src/state/README.md (one atomic batch)',
    file: 'src/state/state-machine.ts',
    find: `      this.#failure = { error }
      writeBehind`,
    replace: `      writeBehind`,
    caughtBy: FLUSH,
  },
  {
    name: 'half of an entry that could not be applied reaches the disk',
    source: 'src/state/README.md (one atomic batch)',
    file: 'src/state/state-machine.ts',
    find: `      writeBehind.fail(error)
      throw error`,
    replace: `      throw error`,
    caughtBy: FLUSH,
  },
  {
    name: 'a snapshot holds only the rows that are flushed',
    source: 'snapshots; invariant 28',
    file: 'src/state/open-state.ts',
    find: `layers: withApplied ? [...layers, appliedLayer(point)] : layers, point })`,
    replace: `layers: withApplied ? [appliedLayer(point)] : layers, point })`,
    caughtBy: SNAPSHOT,
  },
  {
    name: 'a snapshot loses the first row of each chunk',
    source: 'invariant 28',
    file: 'src/state/snapshot.ts',
    find: `        end = 0
      }`,
    replace: `        end = 0
        rowCount -= 1
        continue
      }`,
    caughtBy: SNAPSHOT,
  },
  {
    name: 'a restore that was interrupted counts as done',
    source: 'snapshots; bug 31, rqlite#2747',
    file: 'src/state/state-machine.ts',
    find: `await writeRows(database, rows, batches)`,
    replace: `await writeRows(database, [[APPLIED_KEY, applied], ...rows], batches)`,
    caughtBy: SNAPSHOT,
  },
  {
    name: 'a restore keeps the rows that were there',
    source: 'bug 31, rqlite#2759',
    file: 'src/state/state-machine.ts',
    find: `    await this.#opened.close()
    await this.#storage.destroy()
    this.#opened`,
    replace: `    await this.#opened.close()
    this.#opened`,
    caughtBy: SNAPSHOT,
  },
  {
    name: 'the rows of all entries wait for a full collection',
    source: 'performance: garbage is cheap only while it is young',
    file: 'src/state/staged-rows.ts',
    find: `this.#rows = new Map()`,
    replace: `this.#rows.clear()`,
    caughtBy: STAGED_ROWS,
  },
  {
    name: 'all nodes write out and compact the same rows at the same moment',
    source: 'performance: a majority is as fast as its slower half',
    file: 'src/state/level-storage.ts',
    find: `((nodeId * GOLDEN_RATIO) % 1)`,
    replace: `((nodeId * 0 * GOLDEN_RATIO) % 1)`,
    caughtBy: LEVEL_STORAGE,
  },
]
