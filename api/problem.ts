/** An error as a client sees it: RFC 9457, from the table of codes. No stack and no cause: what is inside stays inside, and in the log. */
import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { type ErrorCode, errorCodes, isMillcourseError } from '../core/errors.js'
import { redactSecrets } from '../core/measure/index.js'

export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly code: ErrorCode
  readonly detail: string
  readonly hint: string | null
  /** Which key, which feature: as on the command line. */
  readonly facts: Readonly<Record<string, string | number>>
  /** Also in the header `x-request-id`, and in the log. */
  readonly requestId: string
}

export const problemMediaType = 'application/problem+json'

export function toProblem(error: unknown, requestId: string): Problem {
  // What was not foreseen may hold anything in its message: the log has it, under the request's id.
  const known = isMillcourseError(error) && error.code !== 'INTERNAL' ? error : null
  const code = known?.code ?? 'INTERNAL'
  return {
    type: `urn:millcourse:error:${code}`,
    title: titleOf(code),
    status: errorCodes[code].http,
    code,
    // A vendor's words, which may quote what the vendor was sent.
    detail: redactSecrets(known?.message ?? 'the server made a mistake'),
    hint:
      known === null ? 'report it with the request id; the log of the server says more' : (known.detail.hint ?? null),
    facts: known?.detail.facts ?? {},
    requestId,
  }
}

/** Busy and away are worth another try, a moment later. */
const retryAfterSeconds = 1

export function problemResponse(context: Context, problem: Problem): Response {
  const retry = problem.status === 503 ? { 'retry-after': String(retryAfterSeconds) } : {}
  const login = problem.status === 401 ? { 'www-authenticate': 'Bearer' } : {}
  return context.body(JSON.stringify(problem), problem.status as ContentfulStatusCode, {
    'content-type': problemMediaType,
    ...retry,
    ...login,
  })
}

/** The code in words: it does not change from one occurrence to the next. */
function titleOf(code: ErrorCode): string {
  const words = code.toLowerCase().replaceAll('_', ' ')
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`
}
