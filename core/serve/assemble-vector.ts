/**
 * What a read of one view answers for one key (R8, R25, R29, R32): pure, from the stored item, the published end and the time of
 * the read. A lookup value is as old as its row, a window value as old as the published end `E` of the view version:
 *
 *     lookup   event ──── ttl ────┤ expired        window   E ──── ttl ────┤ expired
 */
import { answerOfNothing } from '../compute/index.js'
import type { Feature, ViewBundle } from '../define/definitions.js'
import { decodeValues, type OnlineItem, type PackedValue, type PublishedEnd, parseHeld } from '../publish/index.js'
import { parseDuration } from '../time/duration.js'
import { formatInstant, type Instant, type IsoInstant, nsPerMs, parseInstant } from '../time/instant.js'
import type { IsoInterval } from '../time/interval.js'

/** R25; a row of nulls is `present`. */
export type ReadStatus = 'present' | 'missing' | 'expired' | 'partial' | 'held'

/** Of one feature, where it is not as that of the view (R35). */
export interface FeatureRead {
  /** `held`: the last value that was shown, newer data was held back; `expired`: so old that it is shown no longer. */
  readonly status: ReadStatus
  /** Its own; null: it was never shown. */
  readonly eventAt: IsoInstant | null
  readonly ageMs: number | null
  readonly missingIntervals: readonly IsoInterval[]
}

export interface ViewRead {
  readonly status: ReadStatus
  /** By feature name, in the view's order. Missing and expired: as R8 says for windows, null for lookups. */
  readonly values: Readonly<Record<string, PackedValue>>
  /** Lookup: the row's event time. Window: the published end (R29). Null: nothing was ever published for the key. */
  readonly eventAt: IsoInstant | null
  readonly ageMs: number | null
  /** R32: the intervals that a `partial` answer lacks. */
  readonly missingIntervals: readonly IsoInterval[]
  /** By name, features that were held alone; absent: none was. */
  readonly features?: Readonly<Record<string, FeatureRead>>
}

export interface ViewReadInput {
  readonly bundle: ViewBundle
  /** Null: absent, which equals an expired empty item (R36). */
  readonly item: OnlineItem | null
  /** Null: the version was never published. */
  readonly end: PublishedEnd | null
  readonly now: Instant
}

/** @throws MillcourseError SERVE_SCHEMA_CHANGED */
export function assembleVector(input: ViewReadInput): ViewRead {
  const { bundle, item, end, now } = input
  const { view } = bundle
  const isWindow = view.viewKind === 'window'
  const eventAt = isWindow ? (end?.endAt ?? null) : (item?.eventAt ?? null)
  const age = eventAt === null ? null : now - eventAt
  const read = (status: ReadStatus, values: readonly PackedValue[] | null): ViewRead => ({
    status,
    values: named(view.features, values),
    ...agedAt(eventAt, now),
    missingIntervals: status === 'partial' ? (end?.missing ?? []) : [],
  })
  if (item === null || item.values === null) return read('missing', null)
  // R2: served while the age is at most the ttl, to the nanosecond.
  if (view.ttl !== null && age !== null && age > parseDuration(view.ttl)) return read('expired', null)
  const values = decodeValues(view.features, item.values, item.schemaHash)
  const found = read(isWindow && end !== null && end.missing.length > 0 ? 'partial' : 'present', values)
  return withHeld(found, input, heldFeatures(bundle, item, end))
}

const agedAt = (at: Instant | null, now: Instant) => ({
  eventAt: at === null ? null : formatInstant(at),
  ageMs: at === null ? null : Number((now - at) / nsPerMs),
})

/** R35: each by its own age; of what expired the view's others are shown. */
function withHeld(read: ViewRead, { bundle: { view }, now }: ViewReadInput, held: readonly Held[]): ViewRead {
  if (held.length === 0) return read
  const values = { ...read.values }
  const features: Record<string, FeatureRead> = {}
  for (const { feature, at, missing } of held) {
    const isExpired = view.ttl !== null && at !== null && now - at > parseDuration(view.ttl)
    if (isExpired) values[feature.name] = valueOfNothing(feature)
    const status = isExpired ? 'expired' : missing.length > 0 ? 'partial' : 'held'
    features[feature.name] = { status, ...agedAt(at, now), missingIntervals: missing }
  }
  return { ...read, values, features }
}

interface Held {
  readonly feature: Feature
  readonly at: Instant | null
  readonly missing: readonly IsoInterval[]
}

/** R35: of lookups the item says which values are of older rows, of windows the end which are of an older end, or have gaps of their own. */
function heldFeatures({ view }: ViewBundle, item: OnlineItem, end: PublishedEnd | null): Held[] {
  if (view.viewKind === 'lookup')
    return parseHeld(item.held).flatMap(({ index, eventAt }) => {
      const feature = view.features[index]
      return feature ? [{ feature, at: eventAt, missing: [] }] : []
    })
  return (end?.held ?? []).flatMap(({ features, endAt, missing }) =>
    view.features
      .filter(({ name }) => features.includes(name))
      .map((feature) => ({
        feature,
        at: endAt === null ? null : parseInstant(endAt),
        missing: missing.length === 0 ? [] : [...(end?.missing ?? []), ...missing],
      })),
  )
}

/** R8: nothing in the window is a count of 0, and null for every other aggregate. */
function named(features: readonly Feature[], values: readonly PackedValue[] | null): Record<string, PackedValue> {
  const entries = features.map((feature, index): [string, PackedValue] => [
    feature.name,
    values === null ? valueOfNothing(feature) : values[index]!,
  ])
  return Object.fromEntries(entries)
}

function valueOfNothing(feature: Feature): PackedValue {
  if (feature.kind === 'lookup') return null
  return answerOfNothing(feature)
}
