/** The first minutes of a newcomer: what README.md says first, as it stands. Only ports are others. */
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import { checkOutBuilt, typingEnvironment } from './checkout.ts'
import { test } from './cluster-test.ts'
import { Foreground } from './foreground.ts'
import { reservePortsOf, stepsOf } from './page.ts'
import { isFree } from './ports.ts'
import { until } from './until.ts'

const run = promisify(execFile)

/** As `ipam local-cluster` prints them. */
const NODES = / {2}(http:\S+:(\d+)\/api\/v1) {2}pid (\d+)( {2}leader)?$/gm

test('make run starts three nodes, the line to paste makes a network, and when one is killed the others go on', async ({
  directory,
}) => {
  const [commands = '', request = ''] = stepsOf('README.md').map(({ script }) => script)
  const [start = ''] = /^make run\b.*$/m.exec(commands) ?? []
  const example = await readFile('cluster.example.yaml', 'utf8')
  const withPorts = await reservePortsOf([example, request])
  const home = join(directory, 'ipam')
  await checkOutBuilt(home)
  await writeFile(join(home, 'cluster.example.yaml'), withPorts(example))

  const running = new Foreground(start, { cwd: home, env: typingEnvironment() })
  try {
    await running.untilPrinted('Ctrl-C stops all nodes')
    const nodes = [...running.printed.matchAll(NODES)].map(([, url = '', port, pid, role]) => {
      return { url, port: Number(port), pid: Number(pid), isLeader: role !== undefined }
    })
    const { stdout } = await run('bash', ['-euc', withPorts(request)])
    const [leader, ...others] = nodes.toSorted((a, b) => Number(b.isLeader) - Number(a.isLeader))
    if (leader !== undefined) process.kill(leader.pid, 'SIGKILL')
    await running.untilPrinted('the others go on')
    const listed = await until('another node answers', async () => {
      const answer = await fetch(`${others[0]?.url}/networks`)
      return answer.ok && ((await answer.json()) as { readonly cidr: string }[])
    })
    await running.interrupt()

    const documented = start.match(/\b\d{4}\b/g) ?? []
    expect(nodes.map(({ url }) => url)).toEqual(
      documented.map((port) => withPorts(`http://127.0.0.1:${port}/api/v1`)),
    )
    expect(nodes.map(({ isLeader }) => isLeader).toSorted()).toEqual([false, false, true])
    expect(running.printed).toContain(withPorts(request).trim())
    expect(JSON.parse(stdout)).toMatchObject({ cidr: '10.0.0.0/24' })
    expect(listed.map(({ cidr }) => cidr)).toEqual(['10.0.0.0/24'])
    expect(await Promise.all(nodes.map(({ port }) => isFree(port)))).toEqual([true, true, true])
  } finally {
    await running.kill()
  }
})
