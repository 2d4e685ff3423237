/** One HTTP post of an alert, and what its answer means. URLs and bodies may hold secrets: only the host is ever told. */
import { MillcourseError } from '../../core/errors.js'

export interface AlertPost {
  /** `webhook`, `Slack`: for people. */
  readonly receiver: string
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  /** JSON; absent: nothing is posted, the URL is fetched. */
  readonly body?: string
  readonly timeoutMs: number
  /** What of an answer's text may be told to people; absent: nothing, for a receiver may answer with what it was sent. */
  readonly tell?: (text: string) => string | null
}

/** Of an answer, more is not read. */
const answerMaxBytes = 4_096
/** What was sent is at fault; the next message may pass. All others of 4xx are about who asks, or where. */
const refusesMessage: ReadonlySet<number> = new Set([400, 413, 422])
const passing: ReadonlySet<number> = new Set([408, 425, 429])

/**
 * Follows no redirect: a signed alert is for the address that was configured.
 * @returns the status, and what of the answer may be told
 * @throws MillcourseError ALERT_UNDELIVERED, ALERT_REFUSED
 */
export async function postAlert(post: AlertPost): Promise<string> {
  const { receiver, url, headers = {}, body, timeoutMs, tell = () => null } = post
  const { host } = new URL(url)
  const where = `${receiver} at ${host}`
  const signal = AbortSignal.timeout(timeoutMs)
  let response: Response
  let text: string
  try {
    response = await fetch(url, {
      ...(body === undefined ? {} : { method: 'POST', body }),
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      redirect: 'manual',
      signal,
    })
    text = await beginningOf(response)
  } catch (error) {
    throw undelivered(where, host, signal.aborted ? `gave no answer within ${timeoutMs} ms` : faultWords(error))
  }
  const { status } = response
  const told = tell(text)
  const answered = told === null ? `${status}` : `${status}: ${told}`
  if (response.ok) return answered
  if (status >= 500 || passing.has(status))
    throw undelivered(where, host, `answered ${answered}`, retryAfterMs(response.headers.get('retry-after')))
  const isRedirect = status >= 300 && status < 400
  throw new MillcourseError(
    'ALERT_REFUSED',
    `${where} answered ${answered}${isRedirect ? ', a redirect, which is not followed' : ''}`,
    {
      hint: isRedirect
        ? 'configure the address that it leads to'
        : 'see whether the address and its key are still those of the receiver',
      facts: { host, refused: refusesMessage.has(status) ? 'message' : 'channel' },
    },
  )
}

export function undelivered(where: string, host: string, why: string, afterMs: number | null = null): MillcourseError {
  return new MillcourseError('ALERT_UNDELIVERED', `${where} ${why}`, {
    hint: 'it is tried again until it is delivered',
    facts: { host, ...(afterMs === null ? {} : { retryAfterMs: afterMs }) },
  })
}

/** The system's code and nothing else: what an error of `fetch` says may quote the URL. */
function faultWords(error: unknown): string {
  const { cause } = error as { cause?: { code?: unknown } }
  return typeof cause?.code === 'string' ? `could not be reached (${cause.code})` : 'could not be reached'
}

async function beginningOf(response: Response): Promise<string> {
  const parts: Uint8Array[] = []
  let bytes = 0
  const reader = response.body?.getReader()
  while (reader && bytes < answerMaxBytes) {
    const { done, value } = await reader.read()
    if (done) break
    parts.push(value)
    bytes += value.byteLength
  }
  await reader?.cancel()
  return Buffer.concat(parts).subarray(0, answerMaxBytes).toString()
}

/** Seconds, or a date (RFC 9110, 10.2.3). */
function retryAfterMs(header: string | null): number | null {
  if (header === null) return null
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1_000
  const at = Date.parse(header)
  return Number.isNaN(at) ? null : Math.max(0, at - Date.now())
}
