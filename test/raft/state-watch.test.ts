import { describe, expect, test } from 'vitest'
import { StateDivergedError } from '../../raft/errors.ts'
import { StateWatch } from '../../raft/state-watch.ts'
import type { Divergence, Entry, Member, Message, NodeId } from '../../raft/types.ts'

const INTERVAL = 4

/** A state that is a hash, and the log lines about it. */
class Watched {
  readonly id: NodeId
  readonly net: Net
  appliedIndex = 0
  /** What went wrong makes it another one. */
  flaw = ''
  divergence: Divergence | null
  divergedCount = 0
  wrongStates: readonly NodeId[] = []
  readonly lines: { level: string; fields: object; message: string }[] = []
  readonly watch: StateWatch

  constructor(net: Net, id: NodeId, divergence: Divergence | null = null) {
    this.id = id
    this.net = net
    this.divergence = divergence
    const log = (level: string) => (fields: object, message: string) => {
      this.lines.push({ level, fields, message })
    }
    this.watch = new StateWatch({
      id,
      stateMachine: this,
      interval: INTERVAL,
      logger: { info: log('info'), warn: log('warn'), error: log('error') },
      members: () => net.members,
      send: (message) => net.send(message),
      onDiverged: () => {
        this.divergedCount += 1
      },
      onWrongStates: (nodes) => {
        this.wrongStates = nodes
      },
      onFatal: (error) => {
        throw error
      },
    })
  }

  get stateHash(): string {
    return `${this.appliedIndex}${this.flaw}`
  }

  async markDiverged(divergence: Divergence): Promise<void> {
    this.divergence = divergence
  }

  apply(count: number): void {
    for (let i = 0; i < count; i++) {
      this.appliedIndex += 1
      const entry: Entry = {
        index: this.appliedIndex,
        term: 1,
        time: 0,
        type: 'command',
        payload: new Uint8Array(),
      }
      this.watch.handleApplied(entry)
    }
  }

  /** A snapshot of `other` is installed. */
  restoreFrom(other: Watched): void {
    this.appliedIndex = other.appliedIndex
    this.flaw = other.flaw
    this.divergence = null
    this.watch.handleRestored()
  }

  levels(): string[] {
    return this.lines.map(({ level }) => level)
  }
}

/** Delivers at once, or not at all. */
class Net {
  members: Member[]
  readonly nodes = new Map<NodeId, Watched>()
  readonly cut = new Set<NodeId>()

  constructor(ids: readonly NodeId[], { learners = [] as readonly NodeId[] } = {}) {
    this.members = ids.map((id) => {
      return {
        id,
        addr: `n${id}:1`,
        voter: !learners.includes(id),
        incarnation: null,
        schemas: null,
        isRolledBack: false,
      }
    })
    for (const id of ids) this.nodes.set(id, new Watched(this, id))
  }

  node(id: NodeId): Watched {
    const node = this.nodes.get(id)
    if (node === undefined) throw new Error(`there is no node ${id}`)
    return node
  }

  send(message: Message): boolean {
    if (message.type !== 'StateHashes') throw new Error(`a watch sends ${message.type}`)
    const target = this.nodes.get(message.to)
    if (target === undefined || this.cut.has(message.from) || this.cut.has(message.to)) return false
    target.watch.handleStateHashes(message)
    return true
  }

  connect(id: NodeId): void {
    this.cut.delete(id)
    for (const other of this.nodes.keys()) {
      if (other === id) continue
      this.node(id).watch.handlePeer(other)
      this.node(other).watch.handlePeer(id)
    }
  }

  /** The process of `id` is another one, with the same disk. */
  restart(id: NodeId): Watched {
    const before = this.node(id)
    const after = new Watched(this, id, before.divergence)
    after.appliedIndex = before.appliedIndex
    after.flaw = before.flaw
    this.nodes.set(id, after)
    this.connect(id)
    return after
  }

  apply(count: number): void {
    for (let i = 0; i < count; i++) for (const node of this.nodes.values()) node.apply(1)
  }
}

describe('nodes that compare their states', () => {
  test('say nothing while all of them agree', () => {
    const net = new Net([1, 2, 3])

    net.apply(40)

    for (const node of net.nodes.values()) expect([node.lines, node.wrongStates]).toEqual([[], []])
  })

  test('find the one that differs: it stops serving, and the others name it', () => {
    const net = new Net([1, 2, 3])
    net.apply(5)
    net.node(2).flaw = 'x'

    net.apply(3)

    const divergence = { index: 8, hash: '8x', majorityHash: '8' }
    const wrong = net.node(2)
    expect(wrong.watch.divergence).toEqual(divergence)
    expect(wrong.divergence).toEqual(divergence)
    expect(wrong.divergedCount).toBe(1)
    expect(() => wrong.watch.check()).toThrow(StateDivergedError)
    for (const id of [1, 3]) {
      expect(net.node(id).watch.divergence).toBeNull()
      expect(net.node(id).watch.alarms).toEqual([{ peer: 2, index: 8, isPeerWrong: true }])
    }
    for (const node of net.nodes.values()) expect(node.wrongStates).toEqual([2])
  })

  test('log it once, with the way out, however long it stays', () => {
    const net = new Net([1, 2, 3])
    net.node(2).flaw = 'x'

    net.apply(40)

    for (const node of net.nodes.values()) {
      const errors = node.lines.filter(({ level }) => level === 'error')
      expect(errors).toHaveLength(1)
      expect(errors[0]?.message).toContain('join under a new id with an empty data directory')
    }
    expect(net.node(2).lines.at(-1)?.fields).toEqual({ node: 2, index: 4, hash: '4x', majorityHash: '4' })
  })

  test('raise an alarm and go on where no majority tells who is right', () => {
    const net = new Net([1, 2])
    net.node(2).flaw = 'x'

    net.apply(20)

    for (const [id, peer] of [
      [1, 2],
      [2, 1],
    ] as const) {
      const node = net.node(id)
      expect(node.watch.alarms).toEqual([{ peer, index: 4, isPeerWrong: false }])
      expect(node.levels()).toEqual(['warn'])
      expect([node.watch.divergence, node.wrongStates]).toEqual([null, []])
    }
  })

  test('know who is wrong once the third is heard', () => {
    const net = new Net([1, 2, 3])
    net.node(2).flaw = 'x'
    net.cut.add(3)
    net.apply(4)
    expect(net.node(1).watch.alarms).toEqual([{ peer: 2, index: 4, isPeerWrong: false }])

    net.connect(3)

    expect(net.node(1).levels()).toEqual(['warn', 'error'])
    expect(net.node(1).watch.alarms).toEqual([{ peer: 2, index: 4, isPeerWrong: true }])
    expect(net.node(2).watch.divergence).not.toBeNull()
  })

  test('judge one that lags when it gets there, by what they told when it connected', () => {
    const net = new Net([1, 2, 3])
    net.cut.add(3)
    for (const id of [1, 2]) net.node(id).apply(40)
    net.connect(3)
    net.node(3).apply(9)
    expect(net.node(3).watch.divergence).toBeNull()
    net.node(3).flaw = 'x'

    net.node(3).apply(3)

    expect(net.node(3).watch.divergence).toMatchObject({ index: 12 })
    expect(net.node(1).watch.alarms).toEqual([{ peer: 3, index: 12, isPeerWrong: true }])
  })

  test('are not misled by one that restarts and applies entries again', () => {
    const net = new Net([1, 2, 3])
    net.apply(10)
    net.node(3).appliedIndex = 3

    net.restart(3).apply(7)
    net.apply(10)

    for (const node of net.nodes.values()) expect(node.lines).toEqual([])
  })

  test('do not count a learner, which stops serving like any other', () => {
    const net = new Net([1, 2, 3, 4, 5], { learners: [3, 4, 5] })
    for (const id of [3, 4, 5]) net.node(id).flaw = 'x'

    net.apply(4)

    expect(net.node(1).watch.divergence).toBeNull()
    expect(net.node(4).watch.divergence).toMatchObject({ hash: '4x', majorityHash: '4' })
    expect(net.node(1).wrongStates).toEqual([3, 4, 5])
  })

  test('listen to members only', () => {
    const net = new Net([1, 2, 3, 4])
    net.members = net.members.filter(({ id }) => id !== 4)
    net.node(4).flaw = 'x'

    net.apply(8)

    for (const id of [1, 2, 3]) expect(net.node(id).lines).toEqual([])
  })

  test('forget the alarm about one that is removed', () => {
    const net = new Net([1, 2, 3])
    net.node(3).flaw = 'x'
    net.apply(4)

    net.members = net.members.filter(({ id }) => id !== 3)

    expect(net.node(1).watch.alarms).toEqual([])
    expect(net.node(1).watch.wrongStates).toEqual([])
  })
})

describe('a node whose state differs', () => {
  test('does not serve after a restart either, and says why again', () => {
    const net = new Net([1, 2, 3])
    net.node(2).flaw = 'x'
    net.apply(4)

    const restarted = net.restart(2)

    expect(() => restarted.watch.check()).toThrow(StateDivergedError)
    expect(restarted.watch.wrongStates).toContain(2)
    expect(restarted.levels()).toEqual(['error'])
  })

  test('serves again once a snapshot has replaced its state, and what is said of the old one means nothing', () => {
    const net = new Net([1, 2, 3])
    net.node(2).flaw = 'x'
    net.apply(6)

    net.node(2).restoreFrom(net.node(1))
    net.connect(2)
    net.apply(6)
    net.node(1).watch.handlePeer(3)

    expect(net.node(2).watch.divergence).toBeNull()
    for (const node of net.nodes.values()) expect([node.watch.alarms, node.wrongStates]).toEqual([[], []])
    expect(net.node(2).lines.at(-1)).toMatchObject({ level: 'info', fields: { index: 4 } })
  })

  test('is not accused of what it was before, by one that speaks late', () => {
    const net = new Net([1, 2, 3])
    net.cut.add(3)
    net.node(2).flaw = 'x'
    net.apply(4)
    expect(net.node(1).watch.alarms).toEqual([{ peer: 2, index: 4, isPeerWrong: false }])
    net.node(2).restoreFrom(net.node(1))
    net.apply(4)

    net.connect(3)

    expect(net.node(1).watch.alarms).toEqual([])
    expect(net.node(1).levels()).toEqual(['warn', 'info'])
  })

  test('accuses nobody', () => {
    const net = new Net([1, 2, 3])
    net.node(2).flaw = 'x'

    net.apply(20)

    expect(net.node(2).watch.alarms).toEqual([])
  })
})
