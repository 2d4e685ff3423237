/**
 * The state of all views as gauges, from what the watcher reads of the ledger anyway. The watcher shows them and not the workers:
 * of two workers each would go on showing its own last run.
 */
import { type ColumnProfile, compareProfiles, type Profile } from '../core/judge/index.js'
import type { LabelsOf, NameOf } from '../core/measure/index.js'
import type { Clock } from '../core/ports/clock.js'
import type { LedgerReader, ViewKey } from '../core/ports/ledger.js'
import { noTelemetry, type Reading, type Telemetry } from '../core/ports/telemetry.js'
import { parseDuration } from '../core/time/duration.js'
import { type Instant, parseInstant } from '../core/time/instant.js'
import {
  type CalendarEntry,
  countIntervals,
  intervalWords,
  type OpenIncident,
  type ViewAge,
  type ViewObservation,
  type WatchRules,
} from '../core/watch/index.js'
import type { WatcherState } from './watcher-state.js'

export interface ViewLook extends ViewObservation {
  readonly entry: CalendarEntry
  /** The last finished publish; null: none. */
  readonly published: { readonly endAt: Instant; readonly finishedAt: Instant } | null
}

type ViewGauge = Extract<
  NameOf<'gauge'>,
  `millcourse_${'intervals' | 'publish_delay_seconds'}` | `millcourse_feature_${string}`
>
type Readings = { [Name in ViewGauge]: Reading<Name>[] }

/** Asks the ledger for a run's profile once, not at every look. */
export class WatchReadings {
  readonly #profiles = new Map<string, { readonly runId: string; readonly readings: FeatureReadings }>()

  constructor(
    private readonly telemetry: Telemetry,
    private readonly ledger: Pick<LedgerReader, 'run' | 'lastGoodRun'>,
  ) {}

  /** Replaces what was shown before: a view that is no longer applied has no series any more. */
  async show(looks: readonly ViewLook[], now: Instant, rules: WatchRules): Promise<void> {
    const readings: Readings = {
      millcourse_intervals: [],
      millcourse_publish_delay_seconds: [],
      millcourse_feature_null_rate: [],
      millcourse_feature_mean: [],
      millcourse_feature_stddev: [],
      millcourse_feature_quantile: [],
      millcourse_feature_mean_shift_stddevs: [],
    }
    for (const look of looks) {
      addPipeline(readings, look, now, rules)
      const features = await this.#features(look)
      for (const [name, values] of Object.entries(features ?? {}))
        (readings[name as ViewGauge] as Reading<ViewGauge>[]).push(...values)
    }
    for (const [name, values] of Object.entries(readings))
      this.telemetry.show<ViewGauge>(name as ViewGauge, values as Reading<ViewGauge>[])
  }

  async #features({ entry, states }: ViewLook): Promise<FeatureReadings | null> {
    const key: ViewKey = { view: entry.view, version: entry.version }
    const label = `${entry.view}@${entry.version}`
    const judged = states.findLast(({ latestRun }) => latestRun !== null && judgedOutcomes.has(latestRun.outcome))
    const runId = judged?.latestRun?.runId
    if (!judged || runId === undefined) return null
    const known = this.#profiles.get(label)
    if (known?.runId === runId) return known.readings
    const profile = (await this.ledger.run(runId))?.profile
    if (!profile) return known?.readings ?? null
    const before = await this.ledger.lastGoodRun(key, { interval: judged.interval, runId })
    const readings = featureReadings(
      { view: entry.view, version: String(entry.version) },
      profile,
      before?.profile ?? null,
    )
    this.#profiles.set(label, { runId, readings })
    return readings
  }
}

/** Those with a profile; a skipped run is none of an interval's latest. */
const judgedOutcomes: ReadonlySet<string> = new Set(['done', 'committed', 'held', 'rejected', 'accepted', 'superseded'])

function addPipeline(readings: Readings, look: ViewLook, now: Instant, rules: WatchRules): void {
  const { entry, published } = look
  const view = { view: entry.view, version: String(entry.version) }
  const counts = countIntervals(entry, look, now, rules)
  for (const state of intervalWords)
    readings.millcourse_intervals.push({ labels: { ...view, state }, value: counts[state] })
  if (published !== null) {
    const value = toSeconds(published.finishedAt - published.endAt)
    readings.millcourse_publish_delay_seconds.push({ labels: view, value })
  }
}

type FeatureReadings = Omit<Readings, `millcourse_${'intervals' | 'publish_delay_seconds'}`>

function featureReadings(view: LabelsOf<'millcourse_publish_delay_seconds'>, profile: Profile, before: Profile | null) {
  const shifts = new Map(
    (before === null ? [] : compareProfiles(before, profile)).flatMap(({ features, deviations }) =>
      deviations === null ? [] : features.map((feature) => [feature, deviations] as const),
    ),
  )
  const readings: FeatureReadings = {
    millcourse_feature_null_rate: [],
    millcourse_feature_mean: [],
    millcourse_feature_stddev: [],
    millcourse_feature_quantile: [],
    millcourse_feature_mean_shift_stddevs: [],
  }
  for (const column of profile.columns) {
    const labels = { ...view, feature: column.feature }
    const rows = column.values + column.nulls
    if (rows > 0) readings.millcourse_feature_null_rate.push({ labels, value: column.nulls / rows })
    if (column.mean !== null) readings.millcourse_feature_mean.push({ labels, value: column.mean })
    if (column.standardDeviation !== null)
      readings.millcourse_feature_stddev.push({ labels, value: column.standardDeviation })
    for (const [quantile, value] of quantiles(column))
      if (value !== null) readings.millcourse_feature_quantile.push({ labels: { ...labels, quantile }, value })
    const shift = shifts.get(column.feature)
    if (shift !== undefined) readings.millcourse_feature_mean_shift_stddevs.push({ labels, value: shift })
  }
  return readings
}

function quantiles({ p1, p25, p50, p75, p99 }: ColumnProfile): [quantile: string, value: number | null][] {
  return [
    ['0.01', p1],
    ['0.25', p25],
    ['0.5', p50],
    ['0.75', p75],
    ['0.99', p99],
  ]
}

/** Of every look, whether the ledger answered or not: what it said last goes on ageing, and an SLA that breaks meanwhile is seen. */
export function showAges(telemetry: Telemetry, ages: readonly ViewAge[], now: Instant): void {
  const labelled = ages.map((age) => ({ ...age, labels: { view: age.view, version: String(age.version) } }))
  telemetry.show(
    'millcourse_freshness_seconds',
    labelled.map(({ labels, reachedAt }) => ({ labels, value: toSeconds(now - parseInstant(reachedAt)) })),
  )
  telemetry.show(
    'millcourse_freshness_limit_seconds',
    labelled.flatMap(({ labels, limit }) =>
      limit === null ? [] : [{ labels, value: toSeconds(parseDuration(limit)) }],
    ),
  )
}

export interface WatcherParts {
  readonly clock: Pick<Clock, 'realNow'>
  readonly channels: readonly { readonly name: string }[]
  readonly telemetry?: Telemetry
}

/** How the watcher itself is. */
export function showWatch(
  { clock, channels, telemetry = noTelemetry }: WatcherParts,
  { open, outbox }: Pick<WatcherState, 'open' | 'outbox'>,
  { isLedgerUp, isSchedulerUp }: { readonly isLedgerUp: boolean; readonly isSchedulerUp: boolean },
): void {
  const one = (value: number) => [{ labels: {}, value }]
  telemetry.show('millcourse_watcher_last_look_timestamp_seconds', one(Number(clock.realNow() / 1_000_000n) / 1_000))
  telemetry.show('millcourse_ledger_up', one(isLedgerUp ? 1 : 0))
  telemetry.show('millcourse_scheduler_up', one(isSchedulerUp ? 1 : 0))
  const kinds = new Map<string, OpenIncident[]>()
  for (const incident of open) {
    const kind = `${incident.rule} ${incident.severity}`
    kinds.set(kind, [...(kinds.get(kind) ?? []), incident])
  }
  telemetry.show(
    'millcourse_incidents_open',
    [...kinds.values()].map((alike) => {
      const { rule, severity } = alike[0]!
      return { labels: { rule, severity }, value: alike.length }
    }),
  )
  telemetry.show(
    'millcourse_alerts_pending',
    channels.map(({ name }) => ({
      labels: { channel: name },
      value: outbox.filter(({ channel }) => channel === name).length,
    })),
  )
}

/** Of a long span of time; nanoseconds are lost. */
function toSeconds(ns: bigint): number {
  return Number(ns / 1_000_000n) / 1_000
}
