/** What DuckDB says of S3, which is a status or a failed connection in a sentence of its own. */
import type { ErrorCode } from '../../core/errors.js'

export interface HttpFault {
  readonly code: ErrorCode
  readonly what: string
  readonly hint: string
  /** Null: the message names none that was read. */
  readonly file: string | null
}

/** @param files what was read: messages name them as URIs, or as the URLs they become. Null: the fault is not S3's. */
export function httpFault(full: string, files: readonly string[]): HttpFault | null {
  // The statement that follows names every file.
  const message = full.split('\n\nLINE ')[0]!
  const isHttp = /^HTTP Error/.test(message) || /error for HTTP (HEAD|GET|POST|PUT|DELETE) to /.test(message)
  if (!isHttp) return null
  const file = namedFile(message, files)
  const say = (code: ErrorCode, what: string, hint: string): HttpFault => ({ code, what, hint, file })
  const status = Number(/\bHTTP (?:code )?(\d{3})\b/.exec(message)?.[1] ?? 0)
  if (/ETag on reading file/.test(message) || status === 412 || status === 416)
    return say(
      'PLAN_INPUTS_MOVED',
      'was changed while it was being read',
      'the run plans again with the files that are there now',
    )
  if (status === 404)
    return say('SOURCE_FILE_MISSING', 'is gone', 'it was removed while it was being read; the run plans again')
  if (/ExpiredToken|token (included in the request )?is expired|has expired/i.test(message))
    return say(
      'LAKE_UNREACHABLE',
      'was refused: the credentials expired meanwhile',
      'it is tried again by itself with renewed ones',
    )
  if (/certificate|SSL/i.test(message))
    return say(
      'LAKE_UNREACHABLE',
      'cannot be reached: the certificate of the endpoint is not trusted',
      'name its authority: MILLCOURSE_S3_CA',
    )
  if (status === 301 || status === 307 || status === 400)
    return say('CONFIG_INVALID', 'was refused', 'is MILLCOURSE_S3_REGION the region of the bucket? millcourse doctor')
  if (status === 401 || status === 403)
    return say('SOURCE_ACCESS_DENIED', 'may not be opened', 'check the credentials and their policy: s3:GetObject')
  if (status === 503 || status === 429)
    return say(
      'LAKE_THROTTLED',
      'is throttled',
      'fewer requests at once, or a raised limit; S3 itself scales up within minutes',
    )
  return say('LAKE_UNREACHABLE', 'cannot be reached', 'check the endpoint and the network: millcourse doctor')
}

function namedFile(message: string, files: readonly string[]): string | null {
  const named = files.find((uri) => message.includes(uri))
  if (named) return named
  const url = /'(https?:\/\/[^']+)'/.exec(message)?.[1]
  if (url === undefined) return null
  // Not by `new URL`: DuckDB names what it asked for, and a bucket before an IP address is no host.
  const path = decoded(url.replace(/^https?:\/\/[^/?#]*/, '').replace(/[?#].*$/, ''))
  return files.find((uri) => path.endsWith(uri.replace(/^s3:\/\/[^/]+/, ''))) ?? null
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}
