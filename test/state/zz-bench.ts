import { mkdtemp } from 'node:fs/promises'
import { IpamStateMachine } from '/work/main/src/state/state-machine.ts'
import { levelStorage } from '/work/main/src/state/level-storage.ts'
import { encodeCommand } from '/work/main/src/ipam/command-codec.ts'
import { readFileSync } from 'node:fs'
const performance = { now: () => Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6 }
const clock = { setTimer(ms: number, cb: () => void) { const t = setTimeout(cb, ms); return () => clearTimeout(t) } }
const logger = { info() {}, warn() {}, error: console.error }
const dir = (await mkdtemp('/tmp/bench-')) + '/state'
const N = Number(process.argv[2] ?? 100000)
const ttl = process.argv[3] === 'ttl'
let m = await IpamStateMachine.open({ storage: levelStorage(dir), clock, logger })
let index = 0
const context = { user: 'alice', requestId: 'req-0123456789' }
function entry(command: any) { index++; return { index, term: 1, time: 1.7e12 + index, type: 'command' as const, payload: encodeCommand({ command, context }) } }
m.apply(entry({ type: 'createNetwork', id: 'net-1', cidr: '10.0.0.0/8', description: '', tags: [] }))
const entries = Array.from({ length: N }, (_, i) => entry({ type: 'allocateAddresses', id: `alloc-${i.toString().padStart(15, '0')}`, networkId: 'net-1', count: 1, hostname: `web-${i}`, description: 'a web server', ttlMs: ttl ? 86400000 : null }))
let t = performance.now(), cpu = 0
let waits = 0
for (let i = 0; i < N; i += 25) {
  const s = performance.now()
  for (const e of entries.slice(i, i + 25)) m.apply(e)
  cpu += performance.now() - s
  const w = m.waitForCapacity(); if (w) { waits++; await w }
  await new Promise(r => setImmediate(r))
}
console.log('apply us each', (cpu * 1000 / N).toFixed(2), 'wall us', ((performance.now() - t) * 1000 / N).toFixed(2), 'waits', waits)
t = performance.now(); await m.flush(); console.log('final flush ms', performance.now() - t)

process.exit()
