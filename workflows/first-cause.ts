/** From what Temporal throws in a workflow to what a person has to know: the code, the sentence, the step, the first cause. */
import { ApplicationFailure, isCancellation, TimeoutFailure } from '@temporalio/workflow'
import type { FailureDetails } from '../activities/failure.js'
import { type ErrorCode, isErrorCode } from '../core/errors.js'
import type { RunError } from '../core/ports/ledger.js'
import type { RunStep } from './note-steps.js'

export interface FirstCause extends RunError {
  readonly code: ErrorCode
}

/** Null: no failure of a step, but a mistake in workflow code, which must not be recorded but fixed and replayed. */
export function firstCause(error: unknown, step: RunStep | 'check'): FirstCause | null {
  if (isCancellation(error))
    return { ...nothingMore, code: 'RUN_CANCELLED', message: 'the run was cancelled', hint: cancelledHint, step }
  const failure = findApplicationFailure(error)
  if (failure) return fromFailure(failure, step)
  const timeout = find(error, (cause) => cause instanceof TimeoutFailure)
  if (!timeout) return null
  const message = `the ${step} step was given up: its worker died or it took too long (${timeout.timeoutType})`
  return { ...nothingMore, code: 'RUN_STEP_TIMED_OUT', message, hint: timedOutHint, step }
}

const nothingMore = { facts: {}, attempts: 1 }
const cancelledHint = 'millcourse decide RUN rerun --reason … runs the interval again'
const timedOutHint = 'see the log of the workers; the next tick runs the interval again'

function fromFailure(failure: ApplicationFailure, step: string): FirstCause {
  const [facts, hint, attempts, first, triedForMs] = (failure.details ?? []) as unknown as Partial<FailureDetails>
  // The first attempt's failure says more than the last one's: a run that ends unreachable may have begun with something else.
  const cause = first ?? { code: failure.type ?? '', message: failure.message, hint: hint ?? null, facts: facts ?? {} }
  return {
    code: isErrorCode(cause.code) ? cause.code : 'INTERNAL',
    message: cause.message,
    hint: cause.hint,
    facts: cause.facts,
    step,
    attempts: attempts ?? 1,
    ...(triedForMs ? { triedForMs } : {}),
  }
}

/** The outermost one of ours: what lies below it is a vendor's error, which `message` already speaks for. */
function findApplicationFailure(error: unknown): ApplicationFailure | null {
  return find(error, (cause) => cause instanceof ApplicationFailure)
}

function find<T extends Error>(error: unknown, matches: (cause: Error) => cause is T): T | null {
  for (let cause = error; cause instanceof Error; cause = cause.cause) if (matches(cause)) return cause
  return null
}
