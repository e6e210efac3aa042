import { mkdtemp, readFile } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { Level } from 'level'
import { IpamStateMachine } from '../../src/state/state-machine.ts'
import { levelStorage } from '../../src/state/level-storage.ts'
import { encodeCommand, decodeCommand } from '../../src/ipam/command-codec.ts'
import { encodeAllocation, encodeAudit } from '../../src/state/row-codec.ts'
import { FreeSpace } from '../../src/ipam/free-space.ts'
const now = () => Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e3
const clock = { setTimer() { return () => {} } }
const logger = { info() {}, warn() {}, error: console.error }
const dir = (await mkdtemp('/tmp/bench-')) + '/state'
const context = { user: 'alice', requestId: 'req-0123456789' }
function measure(name: string, n: number, f: (i: number) => void) { for (let i=0;i<2000;i++) f(i + 1e7); const t = now(); for (let i = 0; i < n; i++) f(i); console.log(name, ((now() - t) / n).toFixed(2), 'us') }
const m = await IpamStateMachine.open({ storage: levelStorage(dir), clock, logger, limits: { eagerBytes: 1e12, dirtyBytesMax: 1e12 } })
let index = 0
const enc = (command: any) => encodeCommand({ command, context })
const ap = (payload: Uint8Array) => { index++; m.apply({ index, term: 1, time: 1.7e12 + index, type: 'command', payload }) }
ap(enc({ type: 'createNetwork', id: 'net-1', cidr: '10.0.0.0/8', description: '', tags: [] }))
const cmd = (i: number) => ({ type: 'allocateAddresses' as const, id: `alloc-${i.toString().padStart(15, '0')}`, networkId: 'net-1', count: 1, hostname: `web-${i}`, description: 'a web server', ttlMs: null })
measure('make', 20000, i => { cmd(i) })
measure('encodeCommand', 20000, i => { enc(cmd(i)) })
const payloads = Array.from({ length: 60000 }, (_, i) => enc(cmd(i)))
measure('decodeCommand', 20000, i => { decodeCommand(payloads[i % 60000]!) })
const s = new FreeSpace({ first: 1n, last: 1n << 30n })
measure('freeSpace', 20000, () => { const f = s.lowestRun(1n)!; s.occupy(f, f) })
let k = 2000
{ for (let i = 0; i < 20000; i++) ap(payloads[i]!); const t = now(); for (let i = 20000; i < 60000; i++) ap(payloads[i]!); console.log('apply only', ((now() - t) / 40000).toFixed(2)) }
const a = (await m.query({ type: 'allocation', id: cmd(7).id }))!
measure('encodeAllocation', 20000, () => { encodeAllocation(a) })
measure('encodeAudit', 20000, () => { encodeAudit({ timestamp: 1.7e12, action: 'ip_allocated', resource: a.id, details: 'Allocated 1.1.1.1 to web', user: 'alice', requestId: 'req', before: null, after: a }) })
measure('encodeResult', 20000, () => { m.encodeResult({ ok: true, value: a }) })
const bytes = m.encodeResult({ ok: true, value: a })
measure('decodeResult', 20000, () => { m.decodeResult(bytes) })
const t = now(); await m.flush(); console.log('flush all per alloc', ((now() - t) / 60000).toFixed(2))
const db = new Level<string, Buffer>(dir + 'x', { valueEncoding: 'buffer' }); await db.open()
measure('getSync missing', 20000, i => { db.getSync('b' + i) })
measure('position', 20000, i => { i.toString(16).padStart(14, '0') + (0).toString(16).padStart(4, '0') })
const b = db.batch(); const v = Buffer.alloc(100)
measure('chained put', 20000, i => { b.put('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' + i, v) })
await b.write()
measure('getSync hit', 20000, i => { db.getSync('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' + i) })
const map = new Map(); measure('map set', 20000, i => { map.set('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' + i, v) })
process.exit()
