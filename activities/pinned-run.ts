import { MillcourseError } from '../core/errors.js'
import type { RunPins, RunRecord } from '../core/ports/ledger.js'
import type { ActivityDeps } from './activity-deps.js'
import type { RunRef } from './steps.js'

/** The run as planned. @throws MillcourseError LEDGER_UNKNOWN_RUN when the ledger does not have it, or not its inputs */
export async function pinnedRun(deps: ActivityDeps, run: RunRef): Promise<RunRecord & { readonly pins: RunPins }> {
  const record = await deps.ledger.run(run.runId)
  if (record?.pins) return { ...record, pins: record.pins }
  throw new MillcourseError('LEDGER_UNKNOWN_RUN', `the ledger does not know what run ${run.runId} was to read`, {
    hint: 'the ledger was changed or restored while the run was under way; the next tick runs the interval again',
    facts: { run: run.runId },
  })
}
