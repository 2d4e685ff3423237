/**
 * Our errors become Temporal's in this one place; the retry column of core/errors.ts is the whole retry policy. What passes here is kept
 * for long, by Temporal's histories and by the ledger, and a vendor's words may quote what it was sent: credentials are hidden.
 */
import { ApplicationFailure, CancelledFailure } from '@temporalio/activity'
import { isMillcourseError, MillcourseError } from '../core/errors.js'
import { redactSecrets } from '../core/measure/index.js'

/** An error that nobody foresaw may be a passing one: it is tried again so often, then it is a mistake of ours. */
const unforeseenAttemptsMax = 3

/** `[facts, hint, attempts, what the first attempt failed of, for how long it was tried]`: what workflows and clients read back from a failure. */
export type FailureDetails = readonly [
  facts: Readonly<Record<string, string | number>>,
  hint: string | null,
  attempts: number,
  first: FirstFailure | null,
  triedForMs: number,
]

/** The first attempt's failure, kept beside the last one's: a run that ends in a timeout began with a cause. */
export interface FirstFailure {
  readonly code: string
  readonly message: string
  readonly hint: string | null
  readonly facts: Readonly<Record<string, string | number>>
}

export interface TriedSoFar {
  readonly first?: FirstFailure | null
  /** From when the step was asked for to the beginning of this attempt. */
  readonly triedForMs?: number
  /** It is not tried again, whatever it failed of. */
  readonly isLast?: boolean
}

/**
 * The failure as Temporal carries it: `type` is the code, retried only where the table says `backoff`. A cancellation passes
 * unchanged: Temporal knows it by its class.
 */
export function toTemporalFailure(
  error: unknown,
  attempt: number,
  { first = null, triedForMs = 0, isLast = false }: TriedSoFar = {},
): ApplicationFailure | CancelledFailure {
  if (error instanceof CancelledFailure || error instanceof ApplicationFailure) return error
  const known = isMillcourseError(error) ? error : unforeseen(error)
  const { message, hint, facts } = toFirstFailure(error)
  const details: FailureDetails = [facts, hint, attempt, first, triedForMs]
  const mayPass = isMillcourseError(error) ? known.policy.retry === 'backoff' : attempt < unforeseenAttemptsMax
  return ApplicationFailure.create({
    type: known.code,
    message,
    nonRetryable: isLast || !mayPass,
    details: [...details],
    ...(known.cause instanceof Error ? { cause: withoutSecrets(known.cause, causesMax) } : {}),
  })
}

export function toFirstFailure(error: unknown): FirstFailure {
  const { code, message, detail } = isMillcourseError(error) ? error : unforeseen(error)
  const facts = Object.entries(detail.facts ?? {}).map(
    ([name, value]) => [name, typeof value === 'string' ? redactSecrets(value) : value] as const,
  )
  return {
    code,
    message: redactSecrets(message),
    hint: detail.hint === undefined ? null : redactSecrets(detail.hint),
    facts: Object.fromEntries(facts),
  }
}

/** Enough for every vendor's chain; Temporal limits the size of a failure. */
const causesMax = 5

/** What Temporal keeps of an error: its name, message, stack and causes. */
function withoutSecrets(error: Error, causesLeft: number): Error {
  const { cause } = error
  const isDeep = cause instanceof Error && causesLeft > 1
  const clean = new Error(
    redactSecrets(error.message),
    isDeep ? { cause: withoutSecrets(cause, causesLeft - 1) } : undefined,
  )
  clean.name = error.name
  clean.stack = redactSecrets(error.stack ?? '')
  return clean
}

function unforeseen(error: unknown): MillcourseError {
  return new MillcourseError('INTERNAL', error instanceof Error ? `${error.name}: ${error.message}` : String(error), {
    cause: error,
    hint: 'this is a mistake in millcourse: please report it with the log of the worker around this time',
  })
}
