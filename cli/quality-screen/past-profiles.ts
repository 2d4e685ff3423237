/** What runs of a view have shown over a range, read in a few pages. */

import type { FeatureViewDefinition } from '../../core/define/definitions.js'
import { MillcourseError } from '../../core/errors.js'
import { baselineRanges, goodOutcomes, type PastProfile, withoutHeld } from '../../core/judge/index.js'
import type { RunOutcome } from '../../core/plan/interval-state.js'
import type { LedgerReader, ViewKey } from '../../core/ports/ledger.js'
import type { ProfiledRun } from '../../core/ports/profile-ledger.js'
import { parseDuration } from '../../core/time/duration.js'
import { endOfTime, formatInstant, type Instant, parseInstant } from '../../core/time/instant.js'
import type { Interval } from '../../core/time/interval.js'
import { plural } from '../output/words.js'

/** A skipped run says nothing of its interval. */
const telling: readonly RunOutcome[] = [...goodOutcomes, ...(['held', 'rejected', 'failed', 'not-ready'] as const)]
const intervalsMax = 10_000
const page = 500

type ProfileLedger = Pick<LedgerReader, 'runsByInterval' | 'profiledRuns'>

/** Without an end, up to the newest interval; without a start, so many days before the end, or as much of them as may be looked at. @throws MillcourseError USAGE */
export async function askedTimes(
  ledger: Pick<LedgerReader, 'runs' | 'lastGoodRun'>,
  options: { readonly from?: string; readonly to?: string },
  view: Pick<FeatureViewDefinition, 'name' | 'version' | 'every'>,
  days: bigint,
): Promise<Interval> {
  const everyNs = parseDuration(view.every)
  const end = options.to === undefined ? await newestEnd(ledger, view) : parseInstant(options.to)
  const [daysNs, mostNs] = [days * 86_400_000_000_000n, BigInt(intervalsMax) * everyNs]
  const longNs = daysNs < mostNs ? daysNs : mostNs
  const start = options.from === undefined ? end - longNs : parseInstant(options.from)
  const facts = { from: formatInstant(start), to: formatInstant(end) }
  if (start >= end)
    throw new MillcourseError('USAGE', `${facts.from} is not before ${facts.to}`, { hint: '--from … --to …', facts })
  if (end - start > mostNs)
    throw new MillcourseError('USAGE', `${facts.from} to ${facts.to} is more than ${intervalsMax} intervals`, {
      hint: 'choose a later --from',
      facts,
    })
  return { start, end }
}

/** Of the newest good interval, or of the run that started last, where that is later: a bad one, mostly. */
async function newestEnd(
  ledger: Pick<LedgerReader, 'runs' | 'lastGoodRun'>,
  { name, version }: Pick<FeatureViewDefinition, 'name' | 'version'>,
): Promise<Instant> {
  const everywhere = { start: endOfTime, end: endOfTime }
  const good = await ledger.lastGoodRun({ view: name, version }, { interval: everywhere, runId: null })
  const [latest] = await ledger.runs({ view: name, limit: 1 })
  const ends = [good, latest].flatMap((run) => run?.interval.end ?? [])
  if (ends.length === 0)
    throw new MillcourseError('USAGE', `${name} has not run yet`, { hint: `millcourse materialize ${name}` })
  return ends.reduce((a, b) => (b > a ? b : a))
}

/** Of each interval that starts in the range the newest run that has ended, with what it has shown. */
export async function readLatest(
  ledger: ProfileLedger,
  key: ViewKey,
  range: Interval,
  withSketches: boolean,
): Promise<ProfiledRun[]> {
  return await readAll(ledger, await ledger.runsByInterval(key, [range], telling), withSketches)
}

/** The good runs that baselines of the range are made of, and its own, as measures: as runs are judged by. */
export async function readGood(
  ledger: ProfileLedger,
  key: ViewKey,
  range: Interval,
  everyNs: bigint,
  withSketches: boolean,
): Promise<PastProfile[]> {
  const start = baselineRanges(range.start, everyNs).reduce<Instant>((a, b) => (b.start < a ? b.start : a), range.start)
  const found = await ledger.runsByInterval(key, [{ start, end: range.end }], goodOutcomes)
  const good = withProfile(await readAll(ledger, found, withSketches))
  return good.map((run) => ({ ...run, profile: withoutHeld(run.profile, run) }))
}

export function withProfile(runs: readonly ProfiledRun[]): (ProfiledRun & PastProfile)[] {
  return runs.flatMap((run) => (run.profile ? [{ ...run, profile: run.profile }] : []))
}

/** Of how many intervals, so that a gap is not taken for an interval without rows. */
export function profilesRemoved(runs: readonly ProfiledRun[]): number {
  return runs.filter(({ detailsRemovedAt }) => detailsRemovedAt !== null).length
}

/** A line, where there is something to say. */
export function removedText(intervals: number): string[] {
  return intervals === 0
    ? []
    : [`profiles of ${plural(intervals, 'interval')} were removed (MILLCOURSE_KEEP_RUN_DETAILS)`]
}

async function readAll(
  ledger: ProfileLedger,
  found: readonly { readonly runId: string }[],
  withSketches: boolean,
): Promise<ProfiledRun[]> {
  const runs: ProfiledRun[] = []
  for (let at = 0; at < found.length; at += page) {
    const ids = found.slice(at, at + page).map(({ runId }) => runId)
    runs.push(...(await ledger.profiledRuns(ids, { withSketches })))
  }
  return runs
}
