/** `ipam cluster recover`. */
import { recoverSurvivor, type Survivor } from '../../backup/recover.ts'
import type { ExitCode } from '../shell.ts'
import { ClientError } from './client-error.ts'
import type { Invocation } from './invocation.ts'
import { nodeConfigOf, onFiles } from './offline.ts'

export async function recoverCluster(invocation: Invocation): Promise<ExitCode> {
  const { args, output } = invocation
  const isForced = args.has('force-new')
  const { survivor, config } = await onFiles(async () => {
    const config = nodeConfigOf(invocation)
    return { config, survivor: await recoverSurvivor(config, { isForced }) }
  })
  const { nodeId, clusterId } = config
  if (output.isJson) await output.json(JSON.stringify(bodyOf(survivor, config, isForced)))
  if (survivor.isAlone) {
    output.note(`node ${nodeId} is the only member of cluster ${clusterId} already; nothing was changed`)
    return 0
  }
  if (!isForced) {
    for (const line of warning(survivor, config)) output.note(line)
    throw new ClientError('nothing was changed; to do it, run the same command with --force-new', 1)
  }
  output.note(
    `node ${nodeId} is the only member of the new cluster ${clusterId}; start it, then add others under new ids`,
  )
  return 0
}

function warning(
  { oldClusterId, lastIndex, term, lostIds }: Survivor,
  { nodeId, clusterId, dataDir }: { nodeId: number; clusterId: number; dataDir: string },
): string[] {
  const lost = lostIds.join(', ')
  const head = `${dataDir} ends at entry ${lastIndex} in term ${term} of cluster ${oldClusterId}`
  if (lost === '')
    return [head, `node ${nodeId}, its only member, would be that of a new cluster ${clusterId}`]
  return [
    head,
    `node ${nodeId} would become the only member of a new cluster ${clusterId}; nodes ${lost} would never be members of it`,
    `all entries up to ${lastIndex} would count, also those that may never have been acknowledged`,
    `what only nodes ${lost} had would be lost, also if it was acknowledged; if any of them has a log that ends later, take that one`,
    `nodes ${lost} must never run again: a majority of them would go on as cluster ${oldClusterId}, and give out the same addresses`,
  ]
}

function bodyOf(
  { oldClusterId, lastIndex, term, lostIds, isAlone }: Survivor,
  { nodeId, clusterId }: { nodeId: number; clusterId: number },
  isForced: boolean,
) {
  return {
    node_id: nodeId,
    old_cluster_id: oldClusterId,
    cluster_id: clusterId,
    last_index: lastIndex,
    term,
    lost_node_ids: lostIds,
    recovered: isForced && !isAlone,
  }
}
