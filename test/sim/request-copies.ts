/**
 * Which forwarded requests the network may deliver more than once: commands that their sender calls idempotent. TCP
 * would not do that; but a sender does, and what it promises of them it promises however they were doubled.
 */
import type { CommandTraits, Message, NodeId } from '../../raft/types.ts'
import type { Command, CommandContext } from '../../src/ipam/command.ts'
import { decodeCommand } from '../../src/ipam/command-codec.ts'

export class RequestCopies {
  /** How often the network doubled a frame. */
  count = 0
  /** Idempotent commands under way: their key, by who sent them. Ids are unique, over processes as well. */
  readonly #idempotent = new Map<string, string>()
  readonly #doubled = new Set<string>()

  /** Every message passes here when it is sent. @returns Whether it may come twice. */
  admits(message: Message): boolean {
    switch (message.type) {
      case 'ForwardRequests':
        for (const { id, request } of message.requests) {
          if (request.type === 'command') this.#note(message.from, id, request)
        }
        return message.requests.every(({ id }) => this.#idempotent.has(`${message.from} ${id}`))
      case 'ForwardReplies':
        return message.replies.every(({ id }) => this.#idempotent.has(`${message.to} ${id}`))
      default:
        return true
    }
  }

  #note(from: NodeId, id: number, { payload, traits }: { payload: Uint8Array; traits: CommandTraits }): void {
    const envelope = decodeCommand(payload)
    if (traits.isIdempotent && envelope !== null) this.#idempotent.set(`${from} ${id}`, keyOf(envelope))
  }

  /** That message comes twice. */
  noteDoubled(message: Message): void {
    if (message.type === 'ForwardRequests') {
      for (const { id } of message.requests) this.#noteDoubled(message.from, id)
    } else if (message.type === 'ForwardReplies') {
      for (const { id } of message.replies) this.#noteDoubled(message.to, id)
    }
  }

  #noteDoubled(sender: NodeId, id: number): void {
    this.count += 1
    this.#doubled.add(this.#idempotent.get(`${sender} ${id}`) ?? '')
  }

  /**
   * Whether the network, and not its sender, has doubled that command or an answer to it. The sender counts the attempts
   * that it makes itself: "certainly not applied" is no promise about others.
   */
  hasDoubled(write: Write): boolean {
    return this.#doubled.has(keyOf(write))
  }
}

interface Write {
  readonly command: Command
  readonly context: CommandContext
}

/** Clients number their requests; what has no number is known by what it is. */
function keyOf({ command, context }: Write): string {
  return context.requestId ?? command.type
}
