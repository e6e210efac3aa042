/** What the HTTP server takes for a request: the app answers it, unless it is one that the app should not even see. */
import type { IncomingMessage, RequestListener } from 'node:http'
import { getRequestListener, RequestError } from '@hono/node-server'
import type { Hono } from 'hono'
import type { TextAnswer } from './answer.ts'
import { clientCertificateComplaint } from './client-certificate.ts'
import {
  answerOnResponse,
  type Complaint,
  problemOf,
  TOO_MANY_HEADERS,
  URL_TOO_LONG,
} from './client-error.ts'
import type { HttpLimits } from './limits.ts'
import { type Problem, toProblem } from './problem.ts'
import type { RefusalCounts } from './refusal-counts.ts'

/** @param options.format Gives each answer an id of its own. */
export function createRequestListener(
  app: Hono,
  {
    format,
    limits,
    refusals,
  }: { format: (problem: Problem) => TextAnswer; limits: HttpLimits; refusals: RefusalCounts },
): RequestListener {
  const answer = getRequestListener(app.fetch, {
    // HTTP/1.0 health checks come without a Host.
    hostname: 'localhost',
    errorHandler: (error) => {
      const { status, body, headers } = format(
        error instanceof RequestError ? badTarget(error) : toProblem(error),
      )
      return new Response(body, { status, headers })
    },
  })
  return (request, response) => {
    const tooMuch = tooMuchOf(request, limits)
    if (tooMuch?.limit) {
      refusals.note(tooMuch.limit)
      answerOnResponse(response, format(tooMuch.problem))
      return
    }
    if (request.headers.host === undefined && request.httpVersionMinor > 0) {
      // RFC 9112 §3.2.
      const message = 'the Host header is missing'
      answerOnResponse(response, format(problemOf({ status: 400, reason: 'malformed_http', message })))
      return
    }
    const complaint = clientCertificateComplaint(request)
    if (complaint !== null) {
      const message = `the client certificate is not accepted (${complaint}): show one of the authority in http.tls.client_ca, or none`
      answerOnResponse(response, format(problemOf({ status: 401, reason: 'client_certificate', message })))
      return
    }
    answer(request, response).catch(() => response.destroy())
  }
}

/** What the parser lets through, and we do not. */
function tooMuchOf({ url = '', rawHeaders }: IncomingMessage, limits: HttpLimits): Complaint | null {
  // The parser takes bytes of a URL that are no ASCII as characters, one each.
  if (url.length > limits.urlBytesMax) return URL_TOO_LONG
  return rawHeaders.length > 2 * limits.headersMax ? TOO_MANY_HEADERS : null
}

function badTarget(error: RequestError): Problem {
  const message = `the request target or Host header is not valid: ${error.message}`
  return problemOf({ status: 400, reason: 'malformed_http', message })
}
