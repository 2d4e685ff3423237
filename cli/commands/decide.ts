import { setTimeout as sleep } from 'node:timers/promises'
import { isMillcourseError, MillcourseError } from '../../core/errors.js'
import { askedRange } from '../../core/plan/index.js'
import type { Decision, DecisionRequest, LedgerReader, ViewKey } from '../../core/ports/ledger.js'
import { parseDuration } from '../../core/time/duration.js'
import { parseInstant } from '../../core/time/instant.js'
import { formatInterval, type Interval, toIsoInterval } from '../../core/time/interval.js'
import type { CliContext, Report } from '../context.js'
import { findRun } from './run-target.js'

const appliedWithinMs = 60_000

/** R37: writes the decision to the ledger first, then has it carried out; one that could not be started is picked up by the next tick. */
export async function decide(
  context: CliContext,
  target: string,
  actionText: string,
  options: { readonly reason: string; readonly wait: boolean },
): Promise<Report> {
  const action = toAction(actionText)
  if (options.reason.trim() === '')
    throw new MillcourseError('USAGE', 'a decision needs a reason', { hint: '--reason "why"' })
  const ledger = await context.ledger()
  const { key, interval, run } = await findRun(target, { ledger, registry: () => context.registry() })
  if (run === null) await checkEnded(context, key, interval)
  const decision = await ledger.recordDecision({
    ...key,
    action,
    interval,
    runId: run?.runId ?? null,
    reason: options.reason,
    by: context.actor,
  })
  const away = await startIfReachable(context, decision)
  const isStarted = away === null
  const applied = isStarted && options.wait ? await waitUntilApplied(ledger, decision.decisionId, context.signal) : null
  if (applied?.outcome === 'candidate-gone') throw candidateGone(applied)
  const isApplied = applied !== null
  const state = isApplied ? 'applied' : isStarted ? 'started' : 'recorded'
  return {
    outcome: isApplied || (isStarted && !options.wait) ? 'done' : 'partly',
    data: {
      decision: decision.decisionId,
      view: key.view,
      version: key.version,
      ...toIsoInterval(interval),
      run: decision.runId,
      action,
      reason: options.reason,
      by: context.actor,
      state,
    },
    text: `${action} ${key.view}@v${key.version} ${formatInterval(interval)}: ${stateText(state, action, away)}`,
  }
}

/**
 * R21: an interval without a run may be overdue; one that has not ended, or lies before `since`, cannot be. Rejecting it would
 * commit it as empty before its data arrives.
 */
async function checkEnded(context: CliContext, key: ViewKey, { start, end }: Interval): Promise<void> {
  const { view } = await (await context.registry()).view(key.view, key.version)
  const grid = { everyNs: parseDuration(view.every), since: parseInstant(view.since) }
  askedRange({ from: start, to: end }, grid, context.clock.now())
}

function toAction(text: string): DecisionRequest['action'] {
  if (text === 'accept' || text === 'reject' || text === 'rerun') return text
  throw new MillcourseError('USAGE', `"${text}" is not a decision`, { hint: 'accept, reject or rerun' })
}

/** Null: it was started. An error that says why not: Temporal is away; the decision stands and the next tick picks it up. */
async function startIfReachable(context: CliContext, decision: Decision): Promise<MillcourseError | null> {
  try {
    const runControl = await context.runControl()
    await runControl.decide({ decisionId: decision.decisionId, now: context.pretendedNow })
    return null
  } catch (error) {
    if (!isMillcourseError(error)) throw error
    if (error.code === 'TEMPORAL_UNREACHABLE') return error
    // Whoever is refused here has to know that the decision stands all the same.
    const facts = { ...error.detail.facts, decision: 'is recorded; the next tick carries it out' }
    throw new MillcourseError(error.code, error.message, { ...error.detail, facts })
  }
}

async function waitUntilApplied(
  ledger: LedgerReader,
  decisionId: string,
  signal: AbortSignal,
): Promise<Decision | null> {
  const until = performance.now() + appliedWithinMs
  while (performance.now() < until && !signal.aborted) {
    const decision = await ledger.decision(decisionId)
    if (decision?.appliedAt != null) return decision
    await sleep(200)
  }
  return null
}

function candidateGone({ runId, view, version, interval }: Decision): MillcourseError {
  const subject = `${view}@v${version} ${formatInterval(interval)}`
  return new MillcourseError(
    'DECIDE_NOT_APPLICABLE',
    `${subject}: the candidate of run ${runId} is gone from the lake`,
    {
      hint: `nothing was committed, and the run is still held; millcourse decide ${runId} rerun --reason … computes its interval again`,
      facts: { view, run: runId ?? '' },
    },
  )
}

function stateText(
  state: 'applied' | 'started' | 'recorded',
  action: DecisionRequest['action'],
  away: MillcourseError | null,
): string {
  const next = action === 'rerun' ? 'a run of it begins' : 'what it changes online is published next'
  if (state === 'applied') return `carried out; ${next}`
  if (state === 'started') return `recorded and started; ${next}`
  return `recorded, not started (${away?.message}): the next tick carries it out`
}
