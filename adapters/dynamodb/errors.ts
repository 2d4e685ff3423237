/** The SDK's errors in the product's words. */
import { type ErrorCode, isMillcourseError, MillcourseError } from '../../core/errors.js'

const throttles = new Set([
  'ProvisionedThroughputExceededException',
  'ThrottlingException',
  'RequestLimitExceeded',
  'LimitExceededException',
  'Throttling',
])
/** Who asks is not known, whatever he asks for. */
const strangers = new Set([
  'UnrecognizedClientException',
  'InvalidSignatureException',
  'MissingAuthenticationTokenException',
  'IncompleteSignatureException',
  'CredentialsProviderError',
])

/** In a table's place, of requests about the account. */
export const allTables = '(all)'

/** What went wrong with a request on `table`. */
export function toOnlineStoreError(error: unknown, table: string): MillcourseError {
  if (isMillcourseError(error)) return error
  const { name, message, status, isSkewCorrected } = read(error)
  const [place, facts] = table === allTables ? ['the online store', {}] : [`online table ${table}`, { table }]
  const say = (code: ErrorCode, what: string, hint: string) =>
    new MillcourseError(code, `${place}: ${what}`, {
      cause: withoutRequest(error),
      hint,
      facts: { ...facts, cause: name },
    })
  if (throttles.has(name) || status === 429)
    return say('PUBLISH_THROTTLED', 'requests are throttled', "raise the table's or the account's limits, or wait")
  // The SDK has learnt the server's time from the refusal: the next signature will do.
  if (isSkewCorrected) return say('PUBLISH_UNREACHABLE', `the clocks differ (${message})`, "set this machine's clock")
  if (name === 'ExpiredTokenException')
    return say(
      'PUBLISH_ACCESS_DENIED',
      `the credentials have expired (${message})`,
      'renew the session token or the login; a role renews itself',
    )
  if (strangers.has(name) || status === 401)
    return say(
      'PUBLISH_ACCESS_DENIED',
      `the credentials are not accepted (${message})`,
      'check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, the profile or the role, and AWS_REGION',
    )
  if (name === 'AccessDeniedException' || status === 403)
    return say('PUBLISH_ACCESS_DENIED', `access denied (${message})`, grantHint(message, table))
  if (name === 'ResourceNotFoundException')
    return say('PUBLISH_TABLE_MISSING', 'there is no such table', 'publish the view again: it makes its table')
  if (name === 'ItemCollectionSizeLimitExceededException' || /item size|size of hashkey|collection size/i.test(message))
    return say(
      'PUBLISH_ITEM_TOO_LARGE',
      `an item is too large (${message})`,
      'an item holds at most 400 KB, a key 2 KB',
    )
  if (name === 'ValidationException' || name === 'SerializationException')
    return say('INTERNAL', `the request was refused (${message})`, 'this is a mistake of the product: report it')
  const { what, hint } = describeOutage(name, message, status)
  return say('PUBLISH_UNREACHABLE', what, hint)
}

function describeOutage(name: string, message: string, status: number | undefined): { what: string; hint: string } {
  // The SDK calls a connection that was cut a timeout.
  const said = message.includes(name) || name === 'TimeoutError' ? message : `${name}: ${message}`
  if (status !== undefined)
    return { what: `the store fails (HTTP ${status}, ${said})`, hint: 'it is a fault of the store: wait for it' }
  if (name === 'TimeoutError' && /request/.test(message))
    return { what: 'no answer in time', hint: 'see the network between (firewall, routes, VPC endpoint)' }
  if (name === 'ENOTFOUND' || name === 'EAI_AGAIN')
    return {
      what: `no answer (${said})`,
      hint: 'correct MILLCOURSE_DYNAMODB_ENDPOINT or AWS_REGION, or see the name service (DNS) of this machine',
    }
  return {
    what: `no answer (${said})`,
    hint: 'is the endpoint up, and are MILLCOURSE_DYNAMODB_ENDPOINT and AWS_REGION right? locally: millcourse dev',
  }
}

/** Whoever lacks one may lack the other, and would hear of it only once there is something to drop. */
const firstLoadActions = new Set(['dynamodb:BatchWriteItem', 'dynamodb:DeleteTable'])

/** IAM mostly names the action; making a table is refused for that of its tags, too, and reading one for its key's. */
function grantHint(message: string, table: string): string {
  if (table === allTables) return 'grant dynamodb:ListTables and dynamodb:DescribeLimits'
  const [action] = /\b(?:dynamodb|kms):[A-Za-z]+/.exec(message) ?? []
  if (action?.startsWith('kms:')) return `grant ${action} on the table's key, by way of DynamoDB`
  if (action !== undefined && firstLoadActions.has(action))
    return 'grant dynamodb:BatchWriteItem and dynamodb:DeleteTable on the tables of first loads (….v*.s*)'
  if (action !== undefined) return `grant ${action} on the table`
  return 'check what the role may do: reading wants dynamodb:DescribeTable, GetItem and BatchGetItem on the table; a worker also Scan, PutItem, PartiQLInsert, PartiQLUpdate, CreateTable and TagResource, for first loads BatchWriteItem and DeleteTable; with a KMS key of your own kms:Decrypt'
}

/** A passing fault: the same request may be sent again. */
export function isPassing(error: MillcourseError): boolean {
  return error.code === 'PUBLISH_THROTTLED' || error.code === 'PUBLISH_UNREACHABLE'
}

/** Met before anything of the request was sent. */
const neverSent = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'])

/**
 * Whether the request may still be carried out, now or later. Only an answer that refuses it says no for certain: a server error may
 * have come after the write, and a connection that was cut leaves its last request wherever it was.
 */
export function isOutcomeUnknown(error: unknown): boolean {
  const { name, status } = read(error)
  const isRefused = status !== undefined && status >= 400 && status < 500
  return !isMillcourseError(error) && !isRefused && !neverSent.has(name) && name !== 'CredentialsProviderError'
}

export function isNamed(error: unknown, name: string): boolean {
  return read(error).name === name
}

/** The codes of statements in a batch, under the names that the SDK's own errors have. */
const statementErrors: Readonly<Record<string, string>> = {
  ThrottlingError: 'ThrottlingException',
  ProvisionedThroughputExceeded: 'ProvisionedThroughputExceededException',
  RequestLimitExceeded: 'RequestLimitExceeded',
  ItemCollectionSizeLimitExceeded: 'ItemCollectionSizeLimitExceededException',
  ValidationError: 'ValidationException',
  ResourceNotFound: 'ResourceNotFoundException',
  AccessDenied: 'AccessDeniedException',
  TransactionConflict: 'TransactionConflictException',
}

export function asSdkError(code: string, message: string): Error {
  const error = new Error(message || code)
  error.name = statementErrors[code] ?? code
  return error
}

/** The SDK hangs the whole exchange on its errors, signed headers included: that is for no log. */
function withoutRequest(error: unknown): Error {
  const { name, message } = read(error)
  const cause = new Error(message)
  cause.name = name
  if (error instanceof Error && error.stack !== undefined) cause.stack = error.stack
  return cause
}

function read(error: unknown): {
  name: string
  message: string
  status: number | undefined
  isSkewCorrected: boolean
} {
  const { name, message, code, $metadata } = error as {
    name?: string
    message?: string
    code?: string
    $metadata?: { httpStatusCode?: number; clockSkewCorrected?: true }
  }
  return {
    name: name === 'Error' && code ? code : (name ?? 'Error'),
    message: message || code || '',
    status: $metadata?.httpStatusCode,
    isSkewCorrected: $metadata?.clockSkewCorrected === true,
  }
}
