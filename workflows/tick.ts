/**
 * What a Schedule starts: asks the ledger what is missing, starts it, ends. Oldest first, at most `runsMax`; the rest is the next
 * tick's. Overlap policies therefore govern ticks only, never runs.
 */
import {
  decideWorkflowId,
  publishWorkflowId,
  runWorkflowId,
  type TickInput,
  type TickResult,
} from '../core/ports/run-control.js'
import { decide } from './decide.js'
import { proxySteps } from './proxy-activities.js'
import { publish } from './publish.js'
import { run } from './run.js'
import { startOrJoin } from './start-child.js'

export async function tick(input: TickInput): Promise<TickResult> {
  const plan = await proxySteps(input.heartbeatMs).planTick(input)
  const { view, version, due, left, decisionIds, isPublishDue } = plan
  const shared = { now: input.now, ...(input.heartbeatMs === undefined ? {} : { heartbeatMs: input.heartbeatMs }) }
  const runs = await Promise.all(
    due.map(async (interval) => {
      const workflowId = runWorkflowId(plan, interval.start)
      const how = await startOrJoin(run, workflowId, [{ view, version, interval, kind: input.kind, ...shared }])
      return { interval, workflowId, how }
    }),
  )
  const decisions = await Promise.all(
    decisionIds.map((decisionId) => startOrJoin(decide, decideWorkflowId(decisionId), [{ decisionId, ...shared }])),
  )
  const publishing = isPublishDue
    ? await startOrJoin(publish, publishWorkflowId(plan), [{ view, version, ...shared }])
    : null
  return {
    started: runs.filter(({ how }) => how === 'started').map(({ interval, workflowId }) => ({ interval, workflowId })),
    joined: runs.filter(({ how }) => how === 'joined').map(({ interval }) => interval),
    left,
    decisionsStarted: decisions.filter((how) => how === 'started').length,
    publishStarted: publishing === 'started',
  }
}
