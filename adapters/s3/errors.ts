/** The SDK's errors in the product's words. */
import { type ErrorCode, isMillcourseError, MillcourseError } from '../../core/errors.js'

const throttles = new Set([
  'SlowDown',
  'ServiceUnavailable',
  'TooManyRequests',
  'TooManyRequestsException',
  'RequestLimitExceeded',
  'Throttling',
  'ThrottlingException',
  'BandwidthLimitExceeded',
  // Two writers met.
  'ConditionalRequestConflict',
  'OperationAborted',
])
/** The request did not arrive as it was sent, whatever the status says: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
const damaged = new Set(['RequestTimeout', 'IncompleteBody', 'BadDigest', 'XAmzContentSHA256Mismatch'])
const expired = new Set(['ExpiredToken', 'ExpiredTokenException', 'TokenRefreshRequired', 'RequestExpired'])
/** Who asks is not known, whatever he asks for. */
const strangers = new Set([
  'InvalidAccessKeyId',
  'InvalidClientTokenId',
  'InvalidSecurity',
  'InvalidToken',
  'SignatureDoesNotMatch',
  'CredentialsProviderError',
  'TokenProviderError',
])
const denials = new Set(['AccessDenied', 'AccessDeniedException', 'AllAccessDisabled', 'AccountProblem'])
const full = new Set(['QuotaExceeded', 'StorageFull', 'XMinioStorageFull', 'InsufficientStorage'])
const otherRegion = new Set([
  'PermanentRedirect',
  'TemporaryRedirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
])
const untrusted = /^(SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_|CERT_|ERR_TLS_)/

/** What went wrong with a request on `uri`, an object or a prefix. */
export function toLakeError(error: unknown, uri: string): MillcourseError {
  if (isMillcourseError(error)) return error
  const fault = readFault(error)
  const say = ([code, what, hint]: Sentence) =>
    new MillcourseError(code, `${uri} ${what}`, {
      cause: withoutRequest(error),
      hint,
      facts: { file: uri, cause: fault.name },
    })
  return say(refusal(fault) ?? absence(fault, uri) ?? passingFault(fault))
}

export function missingBucket(uri: string): MillcourseError {
  return toLakeError(Object.assign(new Error('there is no such bucket'), { name: 'NoSuchBucket' }), uri)
}

type Sentence = readonly [code: ErrorCode, what: string, hint: string]

function refusal({ name, message, status, region }: Fault): Sentence | null {
  if (expired.has(name))
    return [
      'LAKE_ACCESS_DENIED',
      `may not be accessed: the credentials have expired (${name})`,
      'renew the session token or the login; a role renews itself',
    ]
  if (name === 'RequestTimeTooSkewed')
    return [
      'LAKE_ACCESS_DENIED',
      "may not be accessed: this machine's clock is wrong",
      'set the clock (NTP): S3 refuses signatures that are 15 minutes off',
    ]
  if (otherRegion.has(name) || status === 301 || status === 307)
    return [
      'CONFIG_INVALID',
      `lies in ${region ? `the region ${region}` : 'another region'}`,
      `set MILLCOURSE_S3_REGION${region ? ` to ${region}` : " to the bucket's region"}`,
    ]
  if (name === 'InvalidObjectState')
    return [
      'LAKE_ACCESS_DENIED',
      'is archived',
      'restore it from its storage class, or keep such files out of the source',
    ]
  if (strangers.has(name) || status === 401)
    return [
      'LAKE_ACCESS_DENIED',
      `may not be accessed: the credentials are not accepted (${name}: ${message})`,
      'check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, the profile or the role',
    ]
  if (denials.has(name) || status === 403)
    return [
      'LAKE_ACCESS_DENIED',
      `may not be accessed (${message})`,
      'check the credentials and their policy; without s3:ListBucket S3 says so of an object that is not there, too',
    ]
  return null
}

function absence({ name, message, status }: Fault, uri: string): Sentence | null {
  if (name === 'NoSuchBucket') {
    const bucket = uri.split('/')[2]
    return [
      'LAKE_BUCKET_MISSING',
      `cannot be: there is no bucket ${bucket}`,
      'make the bucket, or correct its name in MILLCOURSE_LAKE, MILLCOURSE_SOURCES or the source',
    ]
  }
  if (status === 404) return ['LAKE_FILE_MISSING', 'does not exist', 'look whether it was removed by hand']
  if (full.has(name) || status === 507)
    return [
      'LAKE_FULL',
      `cannot be written: the store is full (${name})`,
      'free space, raise the quota or let retention remove old files',
    ]
  if (name === 'KeyTooLongError')
    return ['CONFIG_INVALID', 'has too long a name', 'S3 takes 1,024 bytes: shorten the name']
  if (
    status === 501 ||
    (status !== undefined &&
      status >= 400 &&
      status < 500 &&
      ![408, 429].includes(status) &&
      !throttles.has(name) &&
      !damaged.has(name))
  )
    return ['CONFIG_INVALID', `was refused (${name}: ${message})`, 'does the endpoint speak S3? millcourse doctor']
  return null
}

function passingFault({ name, message, status }: Fault): Sentence {
  if (throttles.has(name) || status === 503 || status === 429)
    return [
      'LAKE_THROTTLED',
      `is throttled (${name})`,
      'fewer requests at once, or a raised limit; S3 itself scales up within minutes',
    ]
  // The SDK calls a connection that was cut a timeout.
  const said = message.includes(name) || name === 'TimeoutError' ? message : `${name}: ${message}`
  if (untrusted.test(name))
    return ['LAKE_UNREACHABLE', `cannot be reached (${said})`, 'name its authority: MILLCOURSE_S3_CA']
  if (status !== undefined)
    return [
      'LAKE_UNREACHABLE',
      `cannot be reached: the store fails (${name === `HTTP ${status}` ? name : `HTTP ${status}, ${said}`})`,
      'it is a fault of the store: wait for it',
    ]
  if (name === 'TimeoutError' && /timed out|exceeded/.test(message))
    return [
      'LAKE_UNREACHABLE',
      'cannot be reached: no answer in time',
      'see the network between (firewall, routes, VPC endpoint)',
    ]
  if (name === 'ENOTFOUND' || name === 'EAI_AGAIN')
    return [
      'LAKE_UNREACHABLE',
      `cannot be reached (${said})`,
      'correct the bucket or MILLCOURSE_S3_ENDPOINT, or see the name service (DNS) of this machine',
    ]
  return [
    'LAKE_UNREACHABLE',
    `cannot be reached (${said})`,
    'is the store up, and is MILLCOURSE_S3_ENDPOINT right? see the network between, too',
  ]
}

/** A passing fault: the same request may be sent again. */
export function isPassing(error: MillcourseError): boolean {
  const isUntrusted = untrusted.test(String(error.detail.facts?.cause))
  return error.code === 'LAKE_THROTTLED' || (error.code === 'LAKE_UNREACHABLE' && !isUntrusted)
}

export interface Fault {
  readonly name: string
  readonly message: string
  readonly status: number | undefined
  /** Where the bucket is, when S3 says so. */
  readonly region: string | undefined
}

export function readFault(error: unknown): Fault {
  const { name, message, code, $metadata, $response, Region } = error as {
    name?: string
    message?: string
    code?: string
    Region?: string
    $metadata?: { httpStatusCode?: number }
    $response?: { headers?: Record<string, string> }
  }
  const status = $metadata?.httpStatusCode
  const known = (name === undefined || name === 'Error' || name === 'AggregateError') && code ? code : (name ?? 'Error')
  // The answer to a HEAD has no body, and so no name of what is wrong.
  const isNameless = known === 'Unknown' || known === 'UnknownError'
  return {
    name: isNameless ? `HTTP ${status}` : known,
    message: isNameless ? `HTTP ${status}` : message || code || '',
    status,
    region: Region ?? $response?.headers?.['x-amz-bucket-region'],
  }
}

/** The SDK hangs the whole exchange on its errors, signed headers included: that is for no log. */
function withoutRequest(error: unknown): Error {
  const { name, message } = readFault(error)
  const cause = new Error(message)
  cause.name = name
  if (error instanceof Error && error.stack !== undefined) cause.stack = error.stack
  return cause
}
