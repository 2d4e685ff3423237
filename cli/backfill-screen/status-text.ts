/** How far backfills are, from the ledger alone. */
import type { Backfill, BackfillInterval, BackfillProgress } from '../../core/ports/backfill-ledger.js'
import { formatInstant } from '../../core/time/instant.js'
import { formatTable } from '../output/table.js'
import { formatCount, formatMs, formatSecond, plural } from '../output/words.js'

const badListed = 10

/** From the measured rate; null: nothing has ended yet. */
export function etaMs({ msPerInterval, running, left }: BackfillProgress): number | null {
  return msPerInterval === null ? null : msPerInterval * (running + left)
}

export function progressLine({ backfillId, state }: Backfill, progress: BackfillProgress): string {
  const eta = etaMs(progress)
  const words = [
    `${formatCount(progress.done)} of ${formatCount(progress.total)} done`,
    ...(progress.failed > 0 ? [`${formatCount(progress.failed)} failed`] : []),
    ...(progress.held > 0 ? [`${formatCount(progress.held)} held`] : []),
    ...(progress.running > 0 ? [`${formatCount(progress.running)} running`] : []),
    ...(progress.running + progress.left > 0 && eta !== null ? [`about ${formatMs(eta)} left`] : []),
  ]
  return `backfill ${backfillId} ${state}: ${words.join(', ')}`
}

export function formatBackfills(
  rows: readonly { readonly backfill: Backfill; readonly progress: BackfillProgress }[],
): string {
  return formatTable<(typeof rows)[number]>(
    [
      { title: 'backfill', cell: ({ backfill }) => backfill.backfillId },
      { title: 'view', cell: ({ backfill }) => `${backfill.view}@v${backfill.version}` },
      { title: 'from', cell: ({ backfill }) => formatSecond(backfill.range.start) },
      { title: 'to', cell: ({ backfill }) => formatSecond(backfill.range.end) },
      { title: 'state', cell: ({ backfill }) => backfill.state },
      { title: 'done', align: 'right', cell: ({ progress }) => `${progress.done}/${progress.total}` },
      { title: 'failed', align: 'right', cell: ({ progress }) => formatCount(progress.failed) },
      { title: 'held', align: 'right', cell: ({ progress }) => formatCount(progress.held) },
      { title: 'by', cell: ({ backfill }) => backfill.by },
      { title: 'why', cell: ({ backfill }) => backfill.reason },
    ],
    rows,
  )
}

export function formatBackfill(
  backfill: Backfill,
  progress: BackfillProgress,
  intervals: readonly BackfillInterval[],
  givenOptions: string,
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
    progressLine(backfill, progress),
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
          `  ${outcome}  millcourse runs show ${view}@${formatInstant(interval.start)}${givenOptions}`,
      ),
    ...(more > 0 ? [`  and ${more} more`] : []),
    ...(progress.failed > 0 && endedAt !== null
      ? [`millcourse backfill retry ${backfillId} --failed --reason "…"${givenOptions}`]
      : []),
  ].join('\n')
}
