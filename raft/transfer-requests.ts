/** Callers' transfers of leadership (§3.10), and removals of the leader itself, until somebody else leads. */
import { assert } from './assert.ts'
import type { Request } from './request.ts'
import type { NodeId } from './types.ts'

export class TransferRequests {
  /** Transfers that took leadership away; done when the new leader is known. */
  #leaving: Request[] = []
  /** Removals of the leader itself, by the transfer that has to come first. */
  readonly #removals = new Map<number, Request>()

  /** It has taken leadership away from this node. */
  awaitLeader(request: Request): void {
    this.#leaving.push(request)
  }

  /** @returns All that took leadership away, now that there is a leader. */
  takeLeaving(): Request[] {
    const leaving = this.#leaving
    this.#leaving = []
    return leaving
  }

  /** The transfer has to end before the removal can go on. */
  awaitTransfer(transferId: number, removal: Request): void {
    this.#removals.set(transferId, removal)
  }

  /** @returns The removal that waited for that transfer, if one did. */
  takeRemoval(transferId: number): Request | null {
    const removal = this.#removals.get(transferId) ?? null
    this.#removals.delete(transferId)
    return removal
  }

  clear(): void {
    this.#leaving = []
    this.#removals.clear()
  }
}

/** Why a transfer has failed, by who became the leader; null if it has not. */
export function transferFailure(
  { work }: Request,
  { id, leaderId }: { readonly id: NodeId; readonly leaderId: NodeId },
): string | null {
  assert(work.type === 'transfer', 'only a transfer waits for a new leader')
  const { target } = work
  const isDone = target === null ? leaderId !== id : leaderId === target
  if (isDone) return null
  return `node ${leaderId} became the leader, not ${target === null ? 'another one' : `node ${target}`}`
}
