/** Step 6: how the run ended goes to the ledger; the first end counts, so that a repeated or late record changes nothing. */
import { activityInfo } from '@temporalio/activity'
import { MillcourseError } from '../core/errors.js'
import type { RunEnd, RunMeasures, RunRecord } from '../core/ports/ledger.js'
import type { RunInput } from '../core/ports/run-control.js'
import type { KeyCounts } from '../core/publish/delta.js'
import { fromIsoInterval } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'
import { measureRun } from './measure-run.js'
import { currentRunId } from './run-id.js'
import type { RecordFailureInput, RecordStepInput, RunRef } from './steps.js'
import { unknownRun } from './unknown-run.js'

export function recordRun(deps: ActivityDeps) {
  return async (run: RunRef, end: RecordStepInput): Promise<void> => {
    const known = await deps.ledger.run(run.runId)
    if (!known) throw unknownRun(run.runId)
    checkRows(known)
    checkKeys(run.runId, end.keyCounts)
    const ended: RunEnd = {
      outcome: end.outcome,
      error: null,
      keyCounts: end.keyCounts,
      measures: measures(deps, known, end),
      ...(end.waitedFor ? { waitedFor: end.waitedFor } : {}),
    }
    const recorded = await deps.ledger.endRun(run.runId, ended)
    if (recorded) measureRun(deps, (await deps.ledger.run(run.runId)) ?? known, recorded, ended)
    deps.log.info({ run: run.runId, view: run.view, interval: run.interval, ...end }, `run ended: ${end.outcome}`)
  }
}

/** Also for a run that failed before it was known to the ledger: an interval that fails in planning must not look never tried. */
export function recordFailure(deps: ActivityDeps) {
  return async ({ input, error, isReplanned }: RecordFailureInput): Promise<void> => {
    const runId = currentRunId(input)
    const known = (await deps.ledger.run(runId)) ?? (await startUnknown(deps, input, runId))
    const ended: RunEnd = {
      outcome: isReplanned ? 'superseded' : 'failed',
      error,
      keyCounts: null,
      measures: measures(deps, known, { itemsWritten: 0 }),
    }
    const recorded = await deps.ledger.endRun(runId, ended)
    if (recorded) measureRun(deps, (await deps.ledger.run(runId)) ?? known, recorded, ended)
    deps.log.error({ run: runId, view: input.view, interval: input.interval, ...error }, `run failed: ${error.code}`)
  }
}

async function startUnknown(deps: ActivityDeps, input: RunInput, runId: string): Promise<RunRecord> {
  const { workflowExecution } = activityInfo()
  return await deps.ledger.startRun({
    runId,
    view: input.view,
    version: input.version,
    interval: fromIsoInterval(input.interval),
    kind: input.kind,
    definitionHash: await definitionHash(deps, input),
    workflowId: workflowExecution?.workflowId ?? '',
    temporalRunId: workflowExecution?.runId ?? runId,
    ...(input.backfill ? { backfillId: input.backfill.backfillId } : {}),
  })
}

/** Empty where the view is not applied any more: the failure is worth recording all the same. */
async function definitionHash(deps: ActivityDeps, { view, version }: RunInput): Promise<string> {
  try {
    return (await deps.registry.view(view, version)).definitionHash
  } catch (error) {
    if (error instanceof MillcourseError && error.code === 'REGISTRY_UNKNOWN_VIEW') return ''
    throw error
  }
}

/** R28, rows: read = kept + rejected + filtered by the source's query. */
function checkRows({ runId, candidate }: RunRecord): void {
  if (!candidate) return
  const { read, kept, rejected, filtered = 0 } = candidate.counts
  const rejectedRows = Object.values(rejected).reduce((sum, rows) => sum + rows, 0)
  if (read !== kept + rejectedRows + filtered)
    throw doNotReconcile(
      `run ${runId} read ${read} rows, but kept ${kept}, rejected ${rejectedRows} and filtered ${filtered}`,
      { read, kept, rejected: rejectedRows, filtered },
    )
}

/** R28, keys: touched = published + unchanged + superseded. */
function checkKeys(runId: string, counts: KeyCounts | null): void {
  if (!counts) return
  const { touched, published, unchanged, superseded } = counts
  if (touched !== published + unchanged + superseded)
    throw doNotReconcile(
      `run ${runId} touched ${touched} keys, but published ${published}, left ${unchanged} unchanged and ${superseded} superseded`,
      { touched, published, unchanged, superseded },
    )
}

function doNotReconcile(message: string, facts: Readonly<Record<string, number>>): MillcourseError {
  return new MillcourseError('RUN_COUNTS_DO_NOT_RECONCILE', message, {
    hint: 'this is a mistake in millcourse: please report it with the output of `millcourse runs show`',
    facts,
  })
}

function measures(
  { clock }: ActivityDeps,
  run: RunRecord,
  end: Pick<RecordStepInput, 'itemsWritten' | 'peakMemoryBytes'>,
): RunMeasures {
  return {
    // For workers of the release before; the ledger says it by its own clock alone.
    durationMs: Number((clock.realNow() - run.startedAt) / 1_000_000n),
    bytesRead: run.pins?.files.reduce((sum, file) => sum + file.sizeBytes, 0) ?? 0,
    peakMemoryBytes: end.peakMemoryBytes ?? 0,
    itemsWritten: end.itemsWritten,
  }
}
