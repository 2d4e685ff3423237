/** Records a backfill, if its plan still holds, then starts its workflow; one that could not be started is by the view's next tick. */
import type { StartBackfillInput, StartBackfillResult } from '../core/ports/run-control.js'
import { startBackfillRuns } from './backfill-start.js'
import { proxySteps } from './proxy-activities.js'

export async function startBackfill(input: StartBackfillInput): Promise<StartBackfillResult> {
  const { heartbeatMs } = input
  const opened = await proxySteps(heartbeatMs).openBackfill(input)
  if (opened.kind === 'nothing-to-run') return opened
  const { kind, intervals, backfill } = opened
  await startBackfillRuns({ ...backfill, ...(heartbeatMs === undefined ? {} : { heartbeatMs }) })
  return { kind, backfillId: backfill.backfillId, intervals }
}
