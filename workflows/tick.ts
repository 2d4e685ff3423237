/**
 * What a Schedule starts: asks the ledger what is missing, starts it, ends. At most `runsMax`; the rest is the next
 * tick's. Overlap policies therefore govern ticks only, never runs.
 */
import type { PlanTickResult } from '../activities/steps.js'
import {
  decideWorkflowId,
  publishWorkflowId,
  runPriority,
  runWorkflowId,
  type TickInput,
  type TickResult,
} from '../core/ports/run-control.js'
import { startBackfillRuns } from './backfill-start.js'
import { decide } from './decide.js'
import { proxySteps } from './proxy-activities.js'
import { publish } from './publish.js'
import { run } from './run.js'
import { notingEnd, searchPairs } from './search-attributes.js'
import { startOrJoin } from './start-child.js'

export async function tick(input: TickInput): Promise<TickResult> {
  const plan = await proxySteps(input.heartbeatMs).planTick(input)
  const { kind } = input
  return notingEnd(plan.labels, { kind }, () => startAll(input, plan), outcomeOf)
}

async function startAll(input: TickInput, plan: PlanTickResult): Promise<TickResult> {
  const { view, version, due, left, decisionIds, isPublishDue, labels } = plan
  const { now, kind, heartbeatMs } = input
  const shared = { now, ...(heartbeatMs === undefined ? {} : { heartbeatMs }) }
  const labelled = labels ? { ...shared, labels } : shared
  const search = (start?: string) => (labels ? { search: searchPairs(labels, start ? { kind, start } : {}) } : {})
  const runs = await Promise.all(
    due.map(async (interval) => {
      const workflowId = runWorkflowId(plan, interval.start)
      const options = { ...search(interval.start), priorityKey: runPriority[kind] }
      const how = await startOrJoin(run, workflowId, [{ view, version, interval, kind, ...labelled }], options)
      return { interval, workflowId, how }
    }),
  )
  const decisions = await Promise.all(
    decisionIds.map((decisionId) =>
      startOrJoin(decide, decideWorkflowId(decisionId), [{ decisionId, ...shared }], search()),
    ),
  )
  const publishing = isPublishDue
    ? await startOrJoin(publish, publishWorkflowId(plan), [{ view, version, ...labelled }], search())
    : null
  await Promise.all(
    (plan.backfills ?? []).map((one) =>
      startBackfillRuns({ ...one, ...(heartbeatMs === undefined ? {} : { heartbeatMs }) }),
    ),
  )
  await Promise.all(
    (plan.repairedVersions ?? []).map((one) =>
      startOrJoin(
        tick,
        `tick/${plan.project}/${view}@v${one}/reopened`,
        [{ view, version: one, kind, range: null, runsMax: input.runsMax, ...shared }],
        search(),
      ),
    ),
  )
  return {
    started: runs.filter(({ how }) => how === 'started').map(({ interval, workflowId }) => ({ interval, workflowId })),
    joined: runs.filter(({ how }) => how === 'joined').map(({ interval }) => interval),
    left,
    decisionsStarted: decisions.filter((how) => how === 'started').length,
    publishStarted: publishing === 'started',
  }
}

function outcomeOf({ started, decisionsStarted, publishStarted }: TickResult): string {
  return started.length + decisionsStarted > 0 || publishStarted ? 'started' : 'nothing-due'
}
