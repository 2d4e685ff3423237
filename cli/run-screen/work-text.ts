/** What a run that is under way is at, in one line. */
import { assertNever } from '../../core/errors.js'
import type { WorkSeen } from '../../core/ports/run-control.js'

/** As Temporal says; `unknown`: it did not. */
export type RunWork = WorkSeen | { readonly kind: 'unknown'; readonly why: string }

/** `compute, attempt 3, waits for a worker; the attempt before failed of LAKE_UNREACHABLE: …`. */
export function workText(work: RunWork): string {
  switch (work.kind) {
    case 'step':
      return `${stepOf(work.activity)}, attempt ${work.attempt}, ${whereText(work)}${failureText(work)}`
    case 'asleep':
      return 'none: it waits for its source, or to plan again'
    case 'unclaimed':
      return 'none: no worker takes it up'
    case 'over':
      return 'none: its workflow has ended, or was lost, without the ledger being told'
    case 'unknown':
      return `not known: ${work.why}`
    default:
      return assertNever(work)
  }
}

type Step = Extract<WorkSeen, { kind: 'step' }>

/** `computeInterval` is the step `compute`, as runs name it. */
function stepOf(activity: string): string {
  return activity.replace(/[A-Z].*$/, '')
}

function whereText({ state, worker }: Step): string {
  switch (state) {
    case 'at-work':
      return worker === null ? 'at work' : `at work on ${worker}`
    case 'unclaimed':
      return 'waits for a worker'
    case 'pausing':
      return 'begins after a pause'
    default:
      return assertNever(state)
  }
}

function failureText({ lastFailure }: Step): string {
  if (lastFailure === null) return ''
  const { code, message } = lastFailure
  return code === null ? `; the attempt before: ${message}` : `; the attempt before failed of ${code}: ${message}`
}
