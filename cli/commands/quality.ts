import type { FeatureViewDefinition } from '../../core/define/definitions.js'
import { didYouMean } from '../../core/define/did-you-mean.js'
import { MillcourseError } from '../../core/errors.js'
import { columnAt, type QualityPoint, qualityPoints } from '../../core/judge/index.js'
import type { ProfiledRun } from '../../core/ports/profile-ledger.js'
import { toIsoInterval } from '../../core/time/interval.js'
import type { CliContext, Report } from '../context.js'
import { askedTimes, profilesRemoved, readLatest, removedText } from '../quality-screen/past-profiles.js'
import { nullRateOf, qualityCharts, qualityHead, qualityTable } from '../quality-screen/quality-text.js'

export interface QualityOptions {
  readonly feature?: readonly string[]
  readonly from?: string
  readonly to?: string
  readonly by: 'interval' | 'day' | 'week'
}

const defaultDays = 7n
const dayNs = 86_400_000_000_000n
/** Weeks begin on Monday: 1970-01-05. */
const firstMonday = 4n * dayNs
const columnsMax = 84

/** What runs of a view have shown of its rows, over time. @throws MillcourseError USAGE, REGISTRY_UNKNOWN_VIEW, REGISTRY_UNKNOWN_FEATURE */
export async function quality(context: CliContext, name: string, options: QualityOptions): Promise<Report> {
  const { view } = await (await context.registry()).view(name)
  const features = askedFeatures(view, options.feature ?? [])
  const ledger = await context.ledger()
  const range = await askedTimes(ledger, options, view, defaultDays)
  const key = { view: view.name, version: view.version }
  const runs = await readLatest(ledger, key, range, options.by !== 'interval')
  const points = qualityPoints(runs, groupingBy(options.by))
  const removed = profilesRemoved(runs)
  const facts = {
    ...key,
    ...toIsoInterval(range),
    by: options.by,
    ...(removed > 0 ? { profilesRemoved: removed } : {}),
    points: points.map((one) => pointFacts(one, features)),
  }
  if (points.length === 0) return { outcome: 'done', data: facts, text: `${name} has no runs there` }
  // A week's table takes longer than all the rest, and would not be shown.
  if (context.isJson) return { outcome: 'done', data: facts, text: '' }
  const body = process.stdout.isTTY
    ? qualityCharts(view, features, options.by === 'interval' ? fitted(runs) : points)
    : qualityTable(features, points)
  return { outcome: 'done', data: facts, text: [qualityHead(view, points), ...removedText(removed), body].join('\n') }
}

function askedFeatures(view: FeatureViewDefinition, asked: readonly string[]): string[] {
  const names = view.features.filter(({ column }) => column !== null).map((one) => one.name)
  for (const one of asked)
    if (!names.includes(one))
      throw new MillcourseError('REGISTRY_UNKNOWN_FEATURE', `${view.name} has no feature ${one} that reads a column`, {
        hint: `${didYouMean(one, names)}there are ${names.join(', ')}`,
        facts: { view: view.name, feature: one },
      })
  return asked.length === 0 ? names : [...asked]
}

function groupingBy(by: QualityOptions['by']): ((run: Pick<ProfiledRun, 'interval'>) => bigint) | null {
  if (by === 'interval') return null
  const lengthNs = by === 'day' ? dayNs : 7n * dayNs
  return ({ interval }) => {
    const since = interval.start - firstMonday
    return (since - (((since % lengthNs) + lengthNs) % lengthNs)) / lengthNs
  }
}

/** As many intervals to a column as go into a terminal's width. */
function fitted(runs: readonly ProfiledRun[]): QualityPoint[] {
  const perColumn = Math.ceil(runs.length / columnsMax)
  const places = new Map(runs.map((run, at) => [run.runId, BigInt(Math.floor(at / perColumn))]))
  return qualityPoints(runs, ({ runId }) => places.get(runId)!)
}

function pointFacts(point: QualityPoint, features: readonly string[]) {
  const { profile } = point
  return {
    ...toIsoInterval(point.span),
    outcomes: point.outcomes,
    rows: profile?.rowsKept ?? null,
    keysDistinctApproximate: profile?.keysDistinctApproximate ?? null,
    duplicateRows: profile?.duplicateRows ?? null,
    features: Object.fromEntries(
      features.map((name) => {
        const column = columnAt(point, name)
        return [name, column && { nullRate: nullRateOf(column), ...column }]
      }),
    ),
  }
}
