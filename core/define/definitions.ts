/**
 * A definition as plain data: what the builders make, the registry stores and every later stage reads. JSON-safe; durations
 * and instants as canonical text. The builders (entity.ts, …) carry the types; here only the shape is stated.
 */
import type { WindowOperation } from '../compute/operations/index.js'
import type { WindowParameters } from '../compute/operations/operation.js'
import type { DurationText } from '../time/duration.js'
import type { IsoInstant } from '../time/instant.js'
import type { Column, ColumnType, ValueType } from './column-type.js'

export type { Column, ColumnKind, ColumnType, ListType, MapType, ValueType } from './column-type.js'

/** Where in the feature repo the definition was written; left out of every hash. */
export interface SourceLocation {
  readonly file: string
  readonly line: number
}

interface Documented {
  readonly owner: string | null
  readonly description: string | null
  readonly tags: Readonly<Record<string, string | number | boolean>>
  readonly at: SourceLocation | null
}

export interface EntityDefinition extends Documented {
  readonly kind: 'entity'
  readonly name: string
  /** In declared order: the order of the key's encoding (R13). Never floating-point (R12). */
  readonly keys: readonly Column[]
}

export type Visibility = 'event' | 'created'

/** When the files of a partition are complete. Neither: at the interval's end. */
export interface ReadinessRule {
  /** A file of this name in the partition's folder says it is complete. */
  readonly marker: string | null
  /** Complete so long after the interval's end. */
  readonly delay: DurationText | null
  /** Not ready so long after the interval's end is an incident; the run then ends as `not-ready`. */
  readonly deadline: DurationText
}

export interface SourceDefinition extends Documented {
  readonly kind: 'source'
  /**
   * `query`: rows made of another source's by SQL; its path, times, visibility and readiness are those of `query.from`. `view`: what another
   * view has committed; it has no path.
   */
  readonly format: 'parquet' | 'query' | 'view'
  readonly name: string
  /**
   * A glob with time tokens in UTC, `{yyyy}`, `{MM}`, `{dd}`, `{HH}`, `{mm}`, `{yyyy-MM-dd}`: `flights/date={yyyy-MM-dd}/hour={HH}/*.parquet`.
   * With a scheme (`s3://`, `file:///`) absolute, else below the configured source root.
   */
  readonly path: string
  readonly schema: readonly Column[]
  readonly eventTime: string
  readonly createdTime: string | null
  /** R16: said out loud where there is a created time; `event` where there is none. */
  readonly visibility: Visibility
  /** IANA zone of times written without one (R10). */
  readonly timezone: string
  /** R18: a boolean column. */
  readonly tombstone: string | null
  /** R19. `within` is how far around an interval a redelivery is looked for; required by tiled views. */
  readonly eventId: { readonly column: string; readonly within: DurationText | null } | null
  readonly ready: ReadinessRule
  /** Of format `query` only. */
  readonly query?: SourceQuery
  /** Of format `view` only: the view whose committed values are the rows, with what it is built from. */
  readonly upstream?: UpstreamView
}

export interface UpstreamView {
  readonly view: FeatureViewDefinition
  readonly entity: EntityDefinition
  readonly source: SourceDefinition
}

/** Each row of the answer is made of one row of `from`, so that intervals, files and times are that row's. */
export interface SourceQuery {
  /** One SELECT from `from`, as it was written. */
  readonly sql: string
  /** Files with the rows. */
  readonly from: SourceDefinition
  /** In declared order; each is a value of that name beside the columns of `from`. */
  readonly with: readonly SourceDimension[]
}

/** The row of another source as it was at the event time of the row that is being made. */
export interface SourceDimension {
  readonly alias: string
  readonly source: SourceDefinition
  /** `column` of the dimension equals `of` of the row. */
  readonly keys: readonly { readonly column: string; readonly of: string }[]
  /** An older row is not seen; null: however old. */
  readonly within: DurationText | null
}

export type { WindowOperation, WindowParameters }

export interface LookupFeature {
  readonly kind: 'lookup'
  readonly name: string
  readonly column: string
  readonly type: ColumnType
}

export interface WindowFeature {
  readonly kind: 'window'
  readonly name: string
  readonly operation: WindowOperation
  /** Null only for `count`: rows, not values (R8). */
  readonly column: string | null
  readonly over: DurationText | 'lifetime'
  /** What the operation is told beside its column; left out where it is told nothing. */
  readonly parameters?: WindowParameters
  /** Column whose values are the buckets: the answer is a map from each to the answer of its rows. Left out: one answer. */
  readonly by?: string
  /** The type of the answer (R20), as the operation says it (core/compute/operations); with buckets a map to it. */
  readonly type: ValueType
}

export type Feature = LookupFeature | WindowFeature

/** `hold`: the run is held, as where nothing is said. `hold-feature`: the feature alone, and the others are published (R35). */
export type FeatureSeverity = 'hold' | 'hold-feature' | 'warn'

/** How bad it is where a limit is broken. */
export interface LimitSeverities<Limit extends string, Severity extends FeatureSeverity> {
  /** Of the limits that stand together; default `hold`. */
  readonly severity?: Severity
  /** Of single ones among them, where it is another. */
  readonly severities?: { readonly [Name in Limit]?: Severity }
}

/** Limits a candidate is judged by; a value equal to its limit passes (R26). */
export interface FeatureCheck extends LimitSeverities<'nullRateMax' | 'min' | 'max', FeatureSeverity> {
  readonly nullRateMax?: number
  readonly min?: number
  readonly max?: number
  readonly drift?: FeatureDrift
}

/** Of limits on how far an interval may be from good runs before it (core/judge/baseline.ts). */
interface DriftRule {
  /** Good runs of the last 7 days that there must be before it may judge; default: those of a day, at least 4. */
  readonly historyMin?: number
}

export interface FeatureDrift
  extends DriftRule,
    LimitSeverities<'sigmaMax' | 'nullRateChangeMax' | 'psiMax' | 'cardinalityChangeMax', FeatureSeverity> {
  /** How many of the baseline's standard deviations the mean may have moved, up or down. */
  readonly sigmaMax?: number
  /** How much the share of nulls may have changed, up or down: 0.1 is ten of a hundred rows. */
  readonly nullRateChangeMax?: number
  /** Population stability index of its numbers against the baseline's. */
  readonly psiMax?: number
  /** How much the number of distinct values may have changed, up or down, as a share of the baseline's: 0.5 is by half. */
  readonly cardinalityChangeMax?: number
}

export interface ViewDrift
  extends DriftRule,
    LimitSeverities<'volumeChangeMax' | 'cardinalityChangeMax', 'hold' | 'warn'> {
  /** How much the number of rows may have changed, up or down, as a share of the baseline's. */
  readonly volumeChangeMax?: number
  /** The same of distinct keys. */
  readonly cardinalityChangeMax?: number
}

/** A check in SQL, which answers with bad rows of `rows`, the interval's kept rows (core/compute/own-check.ts). */
export interface OwnCheck {
  readonly sql: string
  /** So many bad rows pass; default 0. */
  readonly max?: number
  readonly severity?: FeatureSeverity
  /** Of `hold-feature`: the features that bad rows speak against. */
  readonly features?: readonly string[]
}

export interface RowsCheck extends LimitSeverities<'min' | 'max', 'hold' | 'warn'> {
  readonly min?: number
  readonly max?: number
}

export interface ViewChecks {
  readonly rows: RowsCheck | null
  /** Rows with a null in a key or without an event time, as a share of rows read. */
  readonly rejectedRateMax: number | null
  /** Left out where none is declared: `hold`. */
  readonly rejectedRateSeverity?: 'hold' | 'warn'
  /** Rows of one key and event time beyond the first, as a share of rows kept; null: not judged. */
  readonly duplicateRateMax: number | null
  readonly duplicateRateSeverity?: 'hold' | 'warn'
  /** By feature name. For a window view the statistics are those of the features' columns in the interval's rows. */
  readonly features: Readonly<Record<string, FeatureCheck>>
  /** Left out where none is declared, as `own`. */
  readonly drift?: ViewDrift
  /** By name. */
  readonly own?: Readonly<Record<string, OwnCheck>>
}

export interface ViewSla {
  /** Online event time may be at most so old (stale by event time). */
  readonly freshness: DurationText | null
  /** A run may take at most so long. */
  readonly duration: DurationText | null
}

/** What a view may cost; above it an incident, and nothing is kept from running. */
export interface ViewBudget {
  /** DynamoDB's, of all versions together, in a day of UTC. */
  readonly writeUnitsPerDay: number
}

export interface FeatureViewDefinition extends Documented {
  readonly kind: 'view'
  readonly viewKind: 'lookup' | 'window'
  readonly name: string
  readonly version: number
  readonly entity: string
  readonly source: string
  /** Entity key -> source column, in the entity's key order. */
  readonly keyColumns: readonly { readonly key: string; readonly column: string }[]
  readonly since: IsoInstant
  /** Length of an interval; intervals are aligned to `since`. */
  readonly every: DurationText
  /** Window views: the tile's length; divides `every` and every window (R9). */
  readonly tile: DurationText | null
  /**
   * Window views: coarser tiles that stand in for fine ones in long windows, a multiple of `tile` and `every`; several are a list, the
   * shortest first, each a multiple of the one before. Null: none.
   */
  readonly coarseTile: DurationText | readonly DurationText[] | null
  /** R27; null: finished intervals are looked at again only when asked. */
  readonly lookback: DurationText | null
  /** R2; null: never expires. */
  readonly ttl: DurationText | null
  /** R30: the publishing lag assumed by as-served training. */
  readonly lag: DurationText
  /** R32. */
  readonly onGap: 'block' | 'mark'
  readonly features: readonly Feature[]
  readonly checks: ViewChecks
  readonly sla: ViewSla
  /** Left out where none is declared: a view that was applied by an older release has not changed. */
  readonly budget?: ViewBudget
  readonly online: boolean
}

export interface FeatureServiceDefinition extends Documented {
  readonly kind: 'service'
  readonly name: string
  readonly version: number
  readonly features: readonly { readonly view: string; readonly viewVersion: number; readonly feature: string }[]
}

/** A view with what it is built from: what plan, compute, judge and publish are given. */
export interface ViewBundle {
  readonly view: FeatureViewDefinition
  readonly entity: EntityDefinition
  readonly source: SourceDefinition
  /** sha256, hex, of all that decides a value (definition-hash.ts). */
  readonly definitionHash: string
}

/** All definitions of a feature repo, checked as a whole. */
export interface FeatureRepo {
  readonly project: string
  readonly entities: readonly EntityDefinition[]
  readonly sources: readonly SourceDefinition[]
  readonly views: readonly FeatureViewDefinition[]
  readonly services: readonly FeatureServiceDefinition[]
}

export type Definition = EntityDefinition | SourceDefinition | FeatureViewDefinition | FeatureServiceDefinition
