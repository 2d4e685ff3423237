import { setTimeout as sleep } from 'node:timers/promises'
import { MillcourseError } from '../../core/errors.js'
import type { Backfill, BackfillInterval } from '../../core/ports/backfill-ledger.js'
import type { LedgerReader } from '../../core/ports/ledger.js'
import { backfillWorkflowId } from '../../core/ports/run-control.js'
import { formatInstant } from '../../core/time/instant.js'
import { toIsoInterval } from '../../core/time/interval.js'
import {
  etaMs,
  formatBackfill,
  formatBackfills,
  isPublishing,
  progressLine,
  type QueuePlaces,
  type ShownProgress,
} from '../backfill-screen/status-text.js'
import type { CliContext, Report } from '../context.js'
import { askWork } from '../run-screen/ask-work.js'
import type { RunWork } from '../run-screen/work-text.js'
import { findBackfill, readProgress } from './backfill-target.js'

const listed = 20
const lookEveryMs = 500

/** All of them, newest first, or one with what has become of its intervals. @throws MillcourseError BACKFILL_UNKNOWN, USAGE */
export async function backfillStatus(
  context: CliContext,
  id: string | undefined,
  options: { readonly wait?: boolean },
): Promise<Report> {
  if (id !== undefined) {
    const { backfillId } = await findBackfill(context, id)
    return options.wait ? await followBackfill(context, backfillId) : await oneReport(context, backfillId)
  }
  if (options.wait)
    throw new MillcourseError('USAGE', '--wait waits for one backfill', {
      hint: 'name it: millcourse backfill status ID --wait',
    })
  const ledger = await context.ledger()
  const [found, places] = [await ledger.backfills({ limit: listed }), await queuePlaces(ledger)]
  const rows = await Promise.all(
    found.map(async (backfill) => ({ backfill, progress: await readProgress(context, backfill) })),
  )
  return {
    outcome: 'done',
    data: { backfills: rows.map(({ backfill, progress }) => facts(backfill, progress, places)) },
    text: rows.length === 0 ? 'no backfill yet' : formatBackfills(rows, places),
  }
}

/** Until it has ended; Ctrl-C stops the waiting, not the backfill. */
export async function followBackfill(context: CliContext, backfillId: string): Promise<Report> {
  const ledger = await context.ledger()
  for (;;) {
    const backfill = await ledger.backfill(backfillId)
    if (backfill === null || backfill.endedAt !== null || context.signal.aborted) break
    context.progress.update(progressLine(backfill, await readProgress(context, backfill), await queuePlaces(ledger)))
    await sleep(lookEveryMs)
  }
  context.progress.end()
  return await oneReport(context, backfillId)
}

export async function oneReport(context: CliContext, backfillId: string): Promise<Report> {
  const ledger = await context.ledger()
  const backfill = await findBackfill(context, backfillId)
  const [progress, intervals] = [await readProgress(context, backfill), await ledger.backfillIntervals(backfillId)]
  const places = await queuePlaces(ledger)
  const work = isPublishing(backfill, progress) ? await workOf(context, backfill) : null
  const outcomes: Partial<Record<Backfill['state'], Report['outcome']>> = {
    partly: 'partly',
    failed: 'failed',
    cancelled: 'partly',
  }
  return {
    outcome: outcomes[backfill.state] ?? 'done',
    data: {
      ...facts(backfill, progress, places),
      ...(work === null ? {} : { work }),
      intervals: intervals.map(intervalFacts),
    },
    text: formatBackfill(backfill, progress, intervals, { places, work, givenOptions: context.givenOptions }),
  }
}

/** What its publish is at: that of runs has a run to say it. */
function workOf(context: CliContext, backfill: Backfill): Promise<RunWork> {
  const workflowId = backfillWorkflowId({ project: context.project, ...backfill })
  // No run of its workflow in particular: the newest.
  return askWork(context, { workflowId, temporalRunId: '' })
}

const intervalFacts = ({ interval, need, runId, outcome }: BackfillInterval) => ({
  ...toIsoInterval(interval),
  need,
  run: runId,
  outcome,
})

export async function queuePlaces(ledger: LedgerReader): Promise<QueuePlaces> {
  return new Map((await ledger.queuedBackfills()).map(({ backfillId }, at) => [backfillId, at + 1]))
}

export function facts(backfill: Backfill, progress: ShownProgress, places: QueuePlaces) {
  const { range, askedAt, endedAt, ...rest } = backfill
  const { awaitsRepair: awaited, ...counts } = progress
  return {
    ...rest,
    ...toIsoInterval(range),
    askedAt: formatInstant(askedAt),
    endedAt: endedAt === null ? null : formatInstant(endedAt),
    place: places.get(backfill.backfillId) ?? null,
    ...(awaited ? { awaitsRepair: { ...awaited, range: toIsoInterval(awaited.range) } } : {}),
    progress: { ...counts, etaMs: etaMs(backfill, progress), isPublishing: isPublishing(backfill, progress) },
  }
}
