/** Spans over HTTP to a collector. Whatever it does, a request to it ends in time, and says in a word how. */
import { encodeOtlp } from './otlp.ts'
import type { Attributes } from './span.ts'
import type { Delivery, SendSpans } from './span-exporter.ts'

/** A collector that has not answered by then will hardly do so. */
const ANSWER_MS = 10_000
/** It has little to say. */
const ANSWER_CHARS_MAX = 64 << 10
/** What OTLP/HTTP says may be sent again (https://opentelemetry.io/docs/specs/otlp/#failures-1), and 408. */
const LATER: readonly number[] = [408, 429, 502, 503, 504]

/** @param headers Secrets, perhaps. */
export function createOtlpSender({
  endpoint,
  headers,
  resource,
  version,
  answerMs = ANSWER_MS,
}: {
  endpoint: URL
  headers: Readonly<Record<string, string>>
  resource: Attributes
  version: string
  answerMs?: number
}): SendSpans {
  return async (spans, signal) => {
    try {
      const response = await fetch(endpoint, {
        method: 'POST',
        headers: { ...headers, 'Content-Type': 'application/json' },
        body: encodeOtlp(spans, { resource, version }),
        // Wherever it points to, our headers are not for there.
        redirect: 'manual',
        signal: AbortSignal.any([signal, AbortSignal.timeout(answerMs)]),
      })
      return deliveryOf(response.status, await readText(response))
    } catch (error) {
      return { outcome: 'later', why: reasonOf(error) }
    }
  }
}

function deliveryOf(status: number, text: string): Delivery {
  if (status >= 200 && status < 300) return { outcome: 'taken', rejectedCount: rejectedIn(text) }
  const outcome = LATER.includes(status) ? 'later' : 'refused'
  return { outcome, why: `the collector answers ${status}` }
}

/** Cut where it is too long. */
async function readText(response: Response): Promise<string> {
  if (response.body === null) return ''
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of response.body) {
    text += decoder.decode(chunk as Uint8Array, { stream: true })
    // Leaving the loop cancels the rest.
    if (text.length > ANSWER_CHARS_MAX) return ''
  }
  return text
}

/** A count of 64 bits: a text, though some write a number. */
function rejectedIn(text: string): number {
  return Number(/"rejectedSpans"\s*:\s*"?(\d{1,15})/.exec(text)?.[1] ?? 0)
}

/** Without the address: a complaint about the collector says it already. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  if (error.name === 'TimeoutError') return 'the collector does not answer'
  if (error.name === 'AbortError') return 'the node stops'
  const { cause } = error
  if (cause instanceof Error) return 'code' in cause ? String(cause.code) : cause.message
  return error.message
}
