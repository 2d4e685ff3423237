import { MillcourseError } from '../core/errors.js'

/** A run that is under way and that the ledger has lost. */
export function unknownRun(runId: string): MillcourseError {
  return new MillcourseError('LEDGER_UNKNOWN_RUN', `run ${runId} is not in the ledger`, {
    hint: 'the ledger was changed or restored while the run was under way; the next tick runs the interval again',
    facts: { run: runId },
  })
}
