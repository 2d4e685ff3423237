/** How far backfills are, from the ledger alone. */
import type { CostAwaits } from '../../core/plan/index.js'
import type { Backfill, BackfillInterval, BackfillProgress } from '../../core/ports/backfill-ledger.js'
import { formatInstant } from '../../core/time/instant.js'
import type { Interval } from '../../core/time/interval.js'
import { formatTable } from '../output/table.js'
import { formatCount, formatDollars, formatMs, formatSecond, plural } from '../output/words.js'
import { type RunWork, workText } from '../run-screen/work-text.js'

const badListed = 10

/** What a repair of the view below is to run first. */
export interface AwaitedRepair {
  readonly view: string
  readonly version: number
  readonly intervals: number
  /** From the first of them to the last. */
  readonly range: Interval
}

export interface ShownProgress extends BackfillProgress {
  /** What it commits is for training sets alone. */
  readonly isOffline?: true
  /** It runs nothing before that. Absent: it waits for none. */
  readonly awaitsRepair?: AwaitedRepair
}

/** Of its runs, from the measured rate; null: nothing has ended yet, or none is to come. */
export function etaMs(backfill: Publishing, progress: BackfillProgress): number | null {
  const { msPerInterval, running } = progress
  const left = isStopping(backfill, progress) ? 0 : progress.left
  if (backfill.endedAt !== null || running + left === 0 || isPublishing(backfill, progress)) return null
  return msPerInterval === null ? null : msPerInterval * (running + left)
}

type Publishing = Pick<Backfill, 'state' | 'endedAt' | 'options'>

/** Its last run has ended, and what it has committed is on its way (R34). */
export function isPublishing(backfill: Publishing, progress: BackfillProgress): boolean {
  const { running, left, unpublished } = progress
  if (backfill.endedAt !== null || running > 0 || unpublished === 0) return false
  return isStopping(backfill, progress) || (backfill.state === 'running' && left === 0)
}

/** It begins nothing more. */
function isStopping({ state, options }: Publishing, { failed }: BackfillProgress): boolean {
  return state === 'cancelling' || (state === 'running' && options.onFailure === 'stop' && failed > 0)
}

export function progressLine(backfill: Backfill, progress: ShownProgress, places: QueuePlaces): string {
  const eta = etaMs(backfill, progress)
  const words = [
    `${formatCount(progress.done)} of ${formatCount(progress.total)} done`,
    ...(progress.failed > 0 ? [`${formatCount(progress.failed)} failed`] : []),
    ...(progress.held > 0 ? [`${formatCount(progress.held)} held`] : []),
    ...(progress.running > 0 ? [`${formatCount(progress.running)} running`] : []),
    ...(eta === null ? [] : [`about ${formatMs(eta)} of runs left${progress.isOffline ? '' : ', then its publish'}`]),
    ...(isPublishing(backfill, progress) ? [`publishing ${plural(progress.unpublished, 'commit')}`] : []),
    ...(progress.awaitsRepair ? [awaitedText(progress.awaitsRepair)] : []),
  ]
  return `backfill ${backfill.backfillId} ${stateText(backfill, places)}: ${words.join(', ')}`
}

const awaitedText = ({ view, version, intervals }: AwaitedRepair): string =>
  `waits for a repair of ${view}@v${version}, of which ${plural(intervals, 'interval')} ${intervals === 1 ? 'is' : 'are'} to run first`

/** Its Schedule may be paused: then nobody but a person runs it. */
const repairCommand = ({ view, range }: AwaitedRepair): string =>
  `millcourse materialize ${view} --from ${formatInstant(range.start)} --to ${formatInstant(range.end)}`

/** What it costs, what of that is too much, and what the open ones took, when it was asked for. */
export function awaitsText({ dollars, awaits }: Pick<Backfill, 'dollars' | 'awaits'>): string {
  const { costMax, costMaxOfAll, openDollars, isUnknown } = awaits!
  const own = dollars ?? 0
  if (isUnknown) return unknownText(own, awaits!)
  const words = [
    ...(costMax !== null && own > costMax ? [`more than its --cost-max, $${formatDollars(costMax)}`] : []),
    ...(costMaxOfAll !== null && own + openDollars > costMaxOfAll
      ? [
          `with $${formatDollars(openDollars)} of those open more than MILLCOURSE_BACKFILL_COST_MAX, $${formatDollars(costMaxOfAll)}`,
        ]
      : []),
  ]
  return `it costs about $${formatDollars(own)}, ${words.join(', and ')}`
}

function unknownText(own: number, { costMax, costMaxOfAll }: CostAwaits): string {
  const limits = [
    ...(costMax === null ? [] : [`its --cost-max, $${formatDollars(costMax)}`]),
    ...(costMaxOfAll === null ? [] : [`MILLCOURSE_BACKFILL_COST_MAX, $${formatDollars(costMaxOfAll)}`]),
  ]
  return `what it writes online is not known ($${formatDollars(own)} without that), and may cost more than ${limits.join(', or ')}`
}

/** Of those that are queued, by id, from 1. */
export type QueuePlaces = ReadonlyMap<string, number>

function stateText({ backfillId, state }: Pick<Backfill, 'backfillId' | 'state'>, places: QueuePlaces): string {
  const place = places.get(backfillId)
  return state === 'queued' && place !== undefined ? `queued, place ${place}` : state
}

export function formatBackfills(
  rows: readonly { readonly backfill: Backfill; readonly progress: BackfillProgress }[],
  places: QueuePlaces,
): string {
  return formatTable<(typeof rows)[number]>(
    [
      { title: 'backfill', cell: ({ backfill }) => backfill.backfillId },
      { title: 'view', cell: ({ backfill }) => `${backfill.view}@v${backfill.version}` },
      { title: 'from', cell: ({ backfill }) => formatSecond(backfill.range.start) },
      { title: 'to', cell: ({ backfill }) => formatSecond(backfill.range.end) },
      { title: 'state', cell: ({ backfill }) => stateText(backfill, places) },
      { title: 'done', align: 'right', cell: ({ progress }) => `${progress.done}/${progress.total}` },
      { title: 'failed', align: 'right', cell: ({ progress }) => formatCount(progress.failed) },
      { title: 'held', align: 'right', cell: ({ progress }) => formatCount(progress.held) },
      { title: 'by', cell: ({ backfill }) => backfill.by },
      { title: 'why', cell: ({ backfill }) => backfill.reason },
    ],
    rows,
  )
}

interface ShownWith {
  readonly places: QueuePlaces
  /** What its publish is at; null: it does not publish. */
  readonly work: RunWork | null
  readonly givenOptions: string
}

export function formatBackfill(
  backfill: Backfill,
  progress: ShownProgress,
  intervals: readonly BackfillInterval[],
  { places, work, givenOptions }: ShownWith,
): string {
  const { backfillId, view, version, range, by, reason, askedAt, endedAt, error, retryOf } = backfill
  const bad = intervals.filter(({ outcome }) => ['failed', 'not-ready', 'held'].includes(outcome ?? ''))
  const more = bad.length - badListed
  const unpublished =
    progress.unpublished === 0
      ? []
      : [
          endedAt === null
            ? `${plural(progress.unpublished, 'commit')} to publish at its end`
            : `${plural(progress.unpublished, 'commit')} not online yet: the view's next publish carries them`,
        ]
  return [
    progressLine(backfill, progress, places),
    ...(work === null ? [] : [`its publish: ${workText(work)}`]),
    ...(backfill.state === 'awaiting-approval' && backfill.awaits
      ? [`${awaitsText(backfill)}; millcourse backfill approve ${backfillId} --reason "…"${givenOptions}`]
      : []),
    ...(progress.awaitsRepair
      ? [
          `the Schedule of ${progress.awaitsRepair.view} runs them, or ${repairCommand(progress.awaitsRepair)}${givenOptions}`,
        ]
      : []),
    `${view}@v${version}, ${formatInstant(range.start)} to ${formatInstant(range.end)}; by ${by}, ${formatSecond(askedAt)}: ${reason}`,
    ...(retryOf === null ? [] : [`tries again what failed in ${retryOf}`]),
    ...(endedAt === null
      ? []
      : [`ended ${formatSecond(endedAt)}${progress.left > 0 ? `; ${plural(progress.left, 'interval')} left` : ''}`]),
    ...unpublished,
    ...(error === null ? [] : [`its publish failed: ${error.code}: ${error.message}`]),
    ...bad
      .slice(0, badListed)
      .map(
        ({ interval, outcome }) =>
          `  ${outcome}  millcourse runs show ${view}@v${version}@${formatInstant(interval.start)}${givenOptions}`,
      ),
    ...(more > 0 ? [`  and ${more} more`] : []),
    ...(progress.failed > 0 && endedAt !== null
      ? [`millcourse backfill retry ${backfillId} --failed${givenOptions}`]
      : []),
  ].join('\n')
}
