/** A backfill under way: what is to run next by the ledger's word, the parts of its publish, its end (R34). */

import { assertNever, MillcourseError } from '../core/errors.js'
import { backfillsAtOnce, unitsPerItem } from '../core/plan/index.js'
import type { Backfill, BackfillEnd, BackfillProgress, NextBackfillInterval } from '../core/ports/backfill-ledger.js'
import type { BackfillInput } from '../core/ports/run-control.js'
import { rowSource } from '../core/source/index.js'
import { toIsoInterval } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'
import { labelledBackfillInput } from './backfill-input.js'
import type { BackfillActivities, BackfillTurn, TurnCounts } from './backfill-steps.js'
import { publishAsStep } from './publish-view.js'
import { awaitingUpstream, isMendedSoon } from './upstream-sound.js'

/** Rows of a part of its publish: between two of them the lease is free for some seconds. */
const partRowsMax = 500_000
/** Under a write budget a part takes about so long, where nobody else writes. */
const partSeconds = 30
/** One that is queued is woken when another ends; whoever should have may have been lost. */
const queuedAskAgainMs = 60_000
/** What is left waits for a repair of the view below, of which nobody is told when it is done. */
const repairAskAgainMs = 15_000

export function takeBackfillTurn(deps: ActivityDeps): BackfillActivities['takeBackfillTurn'] {
  return async ({ backfillId, max, isCancelled }): Promise<BackfillTurn> => {
    const known = await knownBackfill(deps, backfillId)
    const isOpen = known.endedAt === null
    const backfill =
      isCancelled && isOpen && known.state !== 'cancelling'
        ? await deps.ledger.changeBackfill(backfillId, {
            to: 'cancel',
            by: 'Temporal',
            reason: 'its workflow was cancelled',
          })
        : known
    const { state, options } =
      backfill.state === 'queued'
        ? await deps.ledger.beginBackfill(backfillId, backfillsAtOnce(deps.settings))
        : backfill
    const progress = await deps.ledger.backfillProgress(backfillId)
    const counts = countsOf(progress)
    switch (state) {
      case 'queued':
        return { kind: 'wait', counts, askAgainMs: queuedAskAgainMs, lookAfter: await waitedFor(deps, backfillId) }
      case 'awaiting-approval':
      case 'paused':
        return { kind: 'wait', counts }
      case 'running': {
        if (options.onFailure === 'stop' && progress.failed > 0) return { kind: 'finish', counts }
        const next = await nextIntervals(deps, backfill, max)
        if (next === 'awaits-repair') return { kind: 'wait', counts, askAgainMs: repairAskAgainMs }
        if (next.length === 0) return { kind: 'finish', counts }
        const intervals = next.map(({ interval, need }) => ({
          ...toIsoInterval(interval),
          isForced: need === 'forced',
        }))
        return { kind: 'run', counts, intervals }
      }
      case 'cancelling':
      case 'done':
      case 'partly':
      case 'failed':
      case 'cancelled':
        return { kind: 'finish', counts }
      default:
        return assertNever(state)
    }
  }
}

/**
 * What a repair of the view below is to mend first comes last, and while that is under way not at all, also where it has run and was not ready: that is no
 * failure. Where the repair gets no further such an interval runs once, is not ready, and is the ticks' again, which run it once the view below is whole.
 */
async function nextIntervals(
  deps: ActivityDeps,
  { backfillId, view, version, range }: Backfill,
  max: number,
): Promise<readonly NextBackfillInterval[] | 'awaits-repair'> {
  const { ledger, registry } = deps
  const { upstream } = rowSource((await registry.view(view, version)).source)
  if (!upstream) return await ledger.nextBackfillIntervals(backfillId, max)
  const unsettled = await ledger.unsettledIntervals({ view, version }, range)
  const awaiting = await awaitingUpstream(deps, upstream, unsettled)
  const next = await ledger.nextBackfillIntervals(backfillId, max + awaiting.length)
  const starts = new Set(awaiting.map(({ start }) => start))
  const [waiting, free] = [true, false].map((isLast) =>
    next.filter(({ interval }) => starts.has(interval.start) === isLast),
  )
  if (free!.length > 0) return free!.slice(0, max)
  const isSoon = await isMendedSoon(
    deps,
    upstream,
    waiting!.map(({ interval }) => interval),
  )
  return isSoon ? 'awaits-repair' : waiting!.filter(({ hasWaited }) => !hasWaited).slice(0, max)
}

function countsOf({ total, done, failed, held, left, running, msPerInterval }: BackfillProgress): TurnCounts {
  return { total, done, failed, held, left: left + running, msPerInterval }
}

export function publishBackfill(deps: ActivityDeps): BackfillActivities['publishBackfill'] {
  return async ({ backfillId, view, version }) => {
    const bundle = await deps.registry.view(view, version)
    const before = (await deps.ledger.backfillProgress(backfillId)).unpublished
    // Of scheduled runs that have met the lease of a part: each part carries them, too. Of a window view they may be blocked (R32).
    const met = async () =>
      bundle.view.viewKind === 'lookup' ? await deps.ledger.unmarkedCommits({ view, version }) : 0
    if (!bundle.view.online || (before === 0 && (await met()) === 0)) return { isLeft: false, itemsWritten: 0 }
    const outcome = await publishAsStep(deps, bundle, { backfillId, rowsMax: await partRows(deps, backfillId) })
    switch (outcome.kind) {
      case 'finished': {
        const { unpublished } = await deps.ledger.backfillProgress(backfillId)
        // What lies behind a gap (R32) stays: the publish that the gap blocks will carry it.
        const isLeft = unpublished > 0 ? unpublished < before : (await met()) > 0
        return { isLeft, itemsWritten: outcome.itemsWritten }
      }
      case 'nothing':
      // A repair is to come first: its own publish carries all that is committed.
      case 'waits':
        return { isLeft: false, itemsWritten: 0 }
      case 'busy':
      case 'overtaken':
        return { isLeft: true, itemsWritten: 0 }
      default:
        return assertNever(outcome)
    }
  }
}

/** At most so many keys, by what an item of the view takes. */
async function partRows({ ledger, settings }: ActivityDeps, backfillId: string): Promise<number> {
  const { writeUnitsPerSecond } = settings
  if (writeUnitsPerSecond === undefined) return partRowsMax
  const { planId } = (await ledger.backfill(backfillId)) ?? {}
  const plan = planId === undefined ? null : await ledger.backfillPlan(planId)
  const rows = Math.floor((partSeconds * writeUnitsPerSecond) / (plan === null ? 1 : unitsPerItem(plan.estimate)))
  return Math.min(partRowsMax, Math.max(1, rows))
}

export function endBackfill(deps: ActivityDeps): BackfillActivities['endBackfill'] {
  return async ({ backfillId, error }) => {
    const backfill = await knownBackfill(deps, backfillId)
    const progress = await deps.ledger.backfillProgress(backfillId)
    const ended = await deps.ledger.endBackfill(backfillId, endOf(backfill, progress, error !== null), error)
    deps.log.info({ backfill: backfillId, view: backfill.view, state: ended.state, ...progress }, 'backfill ended')
    return { state: ended.state as BackfillEnd, next: await nextInQueue(deps) }
  }
}

/** Whose turn it may be; each asks the ledger for itself. */
async function nextInQueue(deps: ActivityDeps): Promise<BackfillInput[]> {
  const queued = await deps.ledger.queuedBackfills()
  return await inputs(deps, queued.slice(0, backfillsAtOnce(deps.settings)))
}

/**
 * Whose workflow one that is queued looks after: the one before it in the queue, and the first of them those that run. So all that stands
 * before it is looked after, by few words, and none that was lost is waited for for ever, of whatever view and version it is.
 */
async function waitedFor(deps: ActivityDeps, backfillId: string): Promise<BackfillInput[]> {
  const queued = await deps.ledger.queuedBackfills()
  const place = queued.findIndex((one) => one.backfillId === backfillId)
  return await inputs(deps, place > 0 ? [queued[place - 1]!] : await deps.ledger.runningBackfills())
}

function inputs(deps: ActivityDeps, backfills: readonly Backfill[]): Promise<BackfillInput[]> {
  return Promise.all(backfills.map((one) => labelledBackfillInput(deps, one)))
}

function endOf({ state }: Backfill, { total, done }: BackfillProgress, isPublishFailed: boolean): BackfillEnd {
  if (state === 'cancelling') return 'cancelled'
  if (done === total && !isPublishFailed) return 'done'
  return done > 0 ? 'partly' : 'failed'
}

async function knownBackfill({ ledger }: ActivityDeps, backfillId: string): Promise<Backfill> {
  const backfill = await ledger.backfill(backfillId)
  if (backfill !== null) return backfill
  throw new MillcourseError('BACKFILL_UNKNOWN', `the ledger has no backfill "${backfillId}"`, {
    hint: 'was the ledger restored from a backup? what it has committed is published by the next tick',
    facts: { backfill: backfillId },
  })
}
