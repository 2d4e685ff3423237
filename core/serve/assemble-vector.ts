/**
 * What a read of one view answers for one key (R8, R25, R29, R32): pure, from the stored item, the published end and the time of
 * the read. A lookup value is as old as its row, a window value as old as the published end `E` of the view version:
 *
 *     lookup   event ──── ttl ────┤ expired        window   E ──── ttl ────┤ expired
 */
import { answerOfNothing } from '../compute/index.js'
import type { Feature, ViewBundle } from '../define/definitions.js'
import { decodeValues, type OnlineItem, type PackedValue, type PublishedEnd } from '../publish/index.js'
import { parseDuration } from '../time/duration.js'
import { formatInstant, type Instant, type IsoInstant, nsPerMs } from '../time/instant.js'
import type { IsoInterval } from '../time/interval.js'

/** R25. `held` (R35) is said per feature, once features are held alone; a row of nulls is `present`. */
export type ReadStatus = 'present' | 'missing' | 'expired' | 'partial'

export interface ViewRead {
  readonly status: ReadStatus
  /** By feature name, in the view's order. Missing and expired: as R8 says for windows, null for lookups. */
  readonly values: Readonly<Record<string, PackedValue>>
  /** Lookup: the row's event time. Window: the published end (R29). Null: nothing was ever published for the key. */
  readonly eventAt: IsoInstant | null
  readonly ageMs: number | null
  /** R32: the intervals that a `partial` answer lacks. */
  readonly missingIntervals: readonly IsoInterval[]
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
export function assembleVector({ bundle, item, end, now }: ViewReadInput): ViewRead {
  const { view } = bundle
  const isWindow = view.viewKind === 'window'
  const eventAt = isWindow ? (end?.endAt ?? null) : (item?.eventAt ?? null)
  const age = eventAt === null ? null : now - eventAt
  const read = (status: ReadStatus, values: readonly PackedValue[] | null): ViewRead => ({
    status,
    values: named(view.features, values),
    eventAt: eventAt === null ? null : formatInstant(eventAt),
    ageMs: age === null ? null : Number(age / nsPerMs),
    missingIntervals: status === 'partial' ? (end?.missing ?? []) : [],
  })
  if (item === null || item.values === null) return read('missing', null)
  // R2: served while the age is at most the ttl, to the nanosecond.
  if (view.ttl !== null && age !== null && age > parseDuration(view.ttl)) return read('expired', null)
  const values = decodeValues(view.features, item.values, item.schemaHash)
  return read(isWindow && end !== null && end.missing.length > 0 ? 'partial' : 'present', values)
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
