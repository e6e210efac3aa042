/** Callers' transfers of leadership (§3.10), and removals of the leader itself, until somebody else leads. */
import { assert } from './assert.ts'
import type { Attempts } from './attempts.ts'
import { MembershipRefusedError } from './errors.ts'
import type { TransferFate } from './hand-over.ts'
import type { OpenRequests } from './open-requests.ts'
import type { Request } from './request.ts'
import type { NodeId } from './types.ts'

export class TransferRequests {
  readonly #id: NodeId
  readonly #open: OpenRequests
  readonly #attempts: Attempts
  /** Transfers that took leadership away; done when the new leader is known. */
  #leaving: Request[] = []
  /** Removals of the leader itself, by the transfer that has to come first. */
  readonly #removals = new Map<number, Request>()

  /** @param id Of this node. */
  constructor(id: NodeId, { open, attempts }: { open: OpenRequests; attempts: Attempts }) {
    this.#id = id
    this.#open = open
    this.#attempts = attempts
  }

  /** A leader is not removed while it leads. @returns The transfer that has to end before `removal` can go on. */
  transferBefore(removal: Request): { transferId: number } {
    const transferId = this.#open.takeId()
    this.#removals.set(transferId, removal)
    return { transferId }
  }

  handleFate({ id, refusal, message }: TransferFate): void {
    const removal = this.#removals.get(id) ?? null
    this.#removals.delete(id)
    const request = this.#open.at(removal?.id ?? id)
    if (request === null) return
    // Somebody else leads, or is about to: a removal goes there.
    if (refusal === 'not_leader' || (refusal === null && removal !== null)) this.#attempts.giveBack(request)
    else if (refusal === null) this.#leaving.push(request)
    else this.#attempts.fail(request, new MembershipRefusedError(refusal, message))
  }

  /** The leader is known: what took leadership away has come to its end. */
  handleLeader(leaderId: NodeId): void {
    const leaving = this.#leaving
    this.#leaving = []
    for (const request of leaving) {
      if (this.#open.at(request.id) === null) continue
      const failure = transferFailure(request, { id: this.#id, leaderId })
      if (failure === null) this.#attempts.completeTransfer(request, { from: this.#id, to: leaderId })
      else this.#attempts.fail(request, new MembershipRefusedError('transfer_failed', failure))
    }
  }

  clear(): void {
    this.#leaving = []
    this.#removals.clear()
  }
}

/** Why a transfer has failed, by who became the leader; null if it has not. */
function transferFailure(
  { work }: Request,
  { id, leaderId }: { readonly id: NodeId; readonly leaderId: NodeId },
): string | null {
  assert(work.type === 'transfer', 'only a transfer waits for a new leader')
  const { target } = work
  const isDone = target === null ? leaderId !== id : leaderId === target
  if (isDone) return null
  return `node ${leaderId} became the leader, not ${target === null ? 'another one' : `node ${target}`}`
}
