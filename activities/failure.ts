/** Our errors become Temporal's in this one place; the retry column of core/errors.ts is the whole retry policy. */
import { ApplicationFailure, CancelledFailure } from '@temporalio/activity'
import { isMillcourseError, MillcourseError } from '../core/errors.js'

/** An error that nobody foresaw may be a passing one: it is tried again so often, then it is a mistake of ours. */
const unforeseenAttemptsMax = 3

/** `[facts, hint, attempts, what the first attempt failed of]`: what workflows and clients read back from a failure. */
export type FailureDetails = readonly [
  facts: Readonly<Record<string, string | number>>,
  hint: string | null,
  attempts: number,
  first: FirstFailure | null,
]

/** The first attempt's failure, kept beside the last one's: a run that ends in a timeout began with a cause. */
export interface FirstFailure {
  readonly code: string
  readonly message: string
  readonly hint: string | null
  readonly facts: Readonly<Record<string, string | number>>
}

/**
 * The failure as Temporal carries it: `type` is the code, retried only where the table says `backoff`. A cancellation passes
 * unchanged: Temporal knows it by its class.
 */
export function toTemporalFailure(
  error: unknown,
  attempt: number,
  first: FirstFailure | null = null,
): ApplicationFailure | CancelledFailure {
  if (error instanceof CancelledFailure || error instanceof ApplicationFailure) return error
  const known = isMillcourseError(error) ? error : unforeseen(error)
  const details: FailureDetails = [known.detail.facts ?? {}, known.detail.hint ?? null, attempt, first]
  const mayPass = isMillcourseError(error) ? known.policy.retry === 'backoff' : attempt < unforeseenAttemptsMax
  return ApplicationFailure.create({
    type: known.code,
    message: known.message,
    nonRetryable: !mayPass,
    details: [...details],
    ...(known.cause instanceof Error ? { cause: known.cause } : {}),
  })
}

export function toFirstFailure(error: unknown): FirstFailure {
  const { code, message, detail } = isMillcourseError(error) ? error : unforeseen(error)
  return { code, message, hint: detail.hint ?? null, facts: detail.facts ?? {} }
}

function unforeseen(error: unknown): MillcourseError {
  return new MillcourseError('INTERNAL', error instanceof Error ? `${error.name}: ${error.message}` : String(error), {
    cause: error,
    hint: 'this is a mistake in millcourse: please report it with the log of the worker around this time',
  })
}
