/** A plan as a person reads it before anything runs: what, from what, at what price, how long, whom it touches. */
import {
  type BackfillEstimate,
  type BackfillNeed,
  type BackfillPlan,
  type CostAwaits,
  intervalsToRun,
} from '../../core/plan/index.js'
import { formatBytes, formatCount, formatDollars, formatMs, plural } from '../output/words.js'
import { awaitsText } from './status-text.js'

const needWords: readonly (readonly [BackfillNeed, string])[] = [
  ['missing', 'missing'],
  ['failed', 'failed'],
  ['reopened', 're-opened'],
  ['changed', 'with other files'],
  ['running', 'under way: waited for'],
  ['forced', 'done, run again (--force)'],
  ['held', 'held: left to a decision'],
  ['done', 'done: skipped'],
]

/** `awaits`: it would wait for approval, by what was asked for and what was open when it was planned; null: it would not. */
export function formatPlan(plan: BackfillPlan, awaits: CostAwaits | null, givenOptions: string): string {
  const due = intervalsToRun(plan).length
  const { planId, view, version, range, options, estimate, services, intervals } = plan
  const counts = needWords.flatMap(([need, words]) => {
    const count = intervals.filter((one) => one.need === need).length
    return count === 0 ? [] : [line(words, formatCount(count))]
  })
  const what = plan.retryOf === undefined ? 'backfill' : `retry of what failed in backfill ${plan.retryOf},`
  const head = `${what} of ${view}@v${version}, ${range.start} to ${range.end}: ${plural(intervals.length, 'interval')}`
  if (due === 0) return [head, ...counts, 'nothing to run'].join('\n')
  const failing = options.onFailure === 'stop' ? 'stops at the first failure' : 'goes on past failures'
  return [
    head,
    ...counts,
    line(
      'runs',
      `${formatCount(due)}, ${options.atOnce} at once, ${options.order} first, ${failing}; each is one chunk`,
    ),
    line('reads', `${plural(estimate.files, 'file')}, ${formatBytes(estimate.bytesRead)}, ${rowsText(estimate)}`),
    line('writes online', writesText(estimate)),
    line('costs', costText(estimate)),
    ...(awaits === null
      ? []
      : [line('would wait', `for approval: ${awaitsText({ dollars: estimate.dollars.total, awaits })}`)]),
    line('takes', timeText(estimate)),
    line('services', services.length === 0 ? 'none uses this view' : services.join(', ')),
    `plan ${planId}: nothing was started. To start exactly this:`,
    `  millcourse backfill ${view} --plan ${planId} --reason "…"${capText(awaits)}${givenOptions}`,
  ].join('\n')
}

/** The limit is of who starts it, and no part of the plan. */
const capText = (awaits: CostAwaits | null): string =>
  awaits === null || awaits.costMax === null ? '' : ` --cost-max ${awaits.costMax}`

const line = (title: string, text: string): string => `  ${title.padEnd(26)} ${text}`

function rowsText({ rows }: BackfillEstimate): string {
  return rows === null
    ? 'rows not known: some footers could not be read'
    : `${plural(rows, 'row')} in them by their footers`
}

function writesText({ writes, sampled, runsInReach, runs }: BackfillEstimate): string {
  if (writes === null) return 'not known: no interval could be sampled'
  if (writes.changed + writes.unchanged === 0)
    return 'none: no key of these intervals can change a value that is online'
  const basis =
    sampled.keys === 0
      ? 'nothing sampled'
      : `estimated from ${plural(sampled.keys, 'key')} of ${plural(sampled.intervals, 'interval')}`
  const reach = runsInReach < runs ? `; ${formatCount(runs - runsInReach)} of the runs lie before all windows` : ''
  return `once, at its end: about ${formatCount(writes.changed)} changed, ${formatCount(writes.unchanged)} unchanged (${basis}${reach})`
}

function costText({ dollars, writeUnits, s3 }: BackfillEstimate): string {
  const units =
    writeUnits === null
      ? 'write units not known'
      : `${plural(writeUnits, 'write unit')} $${formatDollars(dollars.writeUnits ?? 0)}`
  const about = writeUnits === null ? 'at least' : 'about'
  return `${about} $${formatDollars(dollars.total)}: ${units}, ${plural(s3.writes + s3.reads, 'S3 request')} $${formatDollars(dollars.s3)} (prices: MILLCOURSE_PRICES)`
}

function timeText({ minutes, measuredRuns, writeUnitsPerSecond }: BackfillEstimate): string {
  const runs =
    minutes.runs === null
      ? 'runs: not known, none of this view has ended yet'
      : `about ${formatMs(minutes.runs * 60_000)} of runs, by the last ${plural(measuredRuns, 'run')}`
  const publish =
    minutes.publish === null ? 'publish: not known' : `${formatMs(minutes.publish * 60_000)} of publishing`
  const budget = writeUnitsPerSecond ? `, at most ${plural(writeUnitsPerSecond, 'write unit')} a second` : ''
  return `${runs}; ${publish}${budget}`
}
