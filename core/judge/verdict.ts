/** Facts as data; the sentences are made where they are shown. */
import type { FeatureSeverity } from '../define/definitions.js'
import type { BaselineKind } from './baseline.js'

/** Statistics of one column of the candidate; numbers are approximate where the name of the statistic is (p25 …). */
export interface ColumnProfile {
  readonly feature: string
  readonly column: string | null
  readonly values: number
  readonly nulls: number
  readonly nans: number
  /** Those that mean and deviation are of: no NaN, none beyond 1e150. Absent in profiles of an older release. */
  readonly numbers?: number
  readonly mean: number | null
  readonly standardDeviation: number | null
  readonly min: number | null
  readonly max: number | null
  readonly p1: number | null
  readonly p25: number | null
  readonly p50: number | null
  readonly p75: number | null
  readonly p99: number | null
  readonly distinctApproximate: number
}

export interface Profile {
  readonly rowsRead: number
  readonly rowsKept: number
  readonly nullKeys: number
  readonly nullEventTimes: number
  readonly keysDistinctApproximate: number
  /** Rows of one key and event time beyond the first. */
  readonly duplicateRows: number
  readonly columns: readonly ColumnProfile[]
  /** Answers of the view's own checks, by name; left out where it has none, or the interval no files. */
  readonly own?: Readonly<Record<string, OwnAnswer>>
}

/** Bad rows and some of them as JSON; or why there is no answer. */
export type OwnAnswer =
  | { readonly rows: number; readonly examples: readonly string[] }
  | { readonly rows: null; readonly why: string }

/** What merges into the profile of a day or a week, as text: kept apart from the profile, which every list of runs reads. */
export interface ProfileSketches {
  /** Tells which hash the distinct values were counted by, which may change with the engine: only alike ones merge. Null: of no rows. */
  readonly hash: string | null
  /** Of the keys of all columns together (distinct-sketch.ts). */
  readonly keys: string
  /** By column. */
  readonly columns: Readonly<Record<string, ColumnSketches>>
}

export interface ColumnSketches {
  /** Of numbers and booleans (histogram.ts); left out for other columns. */
  readonly histogram?: string
  readonly distinct: string
}

export interface Finding {
  readonly code:
    | 'rows_below'
    | 'rows_above'
    | 'null_rate_above'
    | 'value_below'
    | 'value_above'
    | 'rejected_rate_above'
    | 'duplicate_rate_above'
    | 'rows_drifted'
    | 'keys_drifted'
    | 'mean_drifted'
    | 'null_rate_drifted'
    | 'distribution_drifted'
    | 'cardinality_drifted'
    | 'own_check_failed'
    | 'own_check_unanswered'
  readonly severity: FeatureSeverity
  /** Null: the view as a whole. */
  readonly feature: string | null
  /** Of a check of the view's own that holds features: which. */
  readonly features?: readonly string[]
  readonly observed: number
  readonly limit: number
  /** Of drift: what it was compared with. */
  readonly baseline?: FindingBaseline
  /** Of a check of the view's own: its name, some of the bad rows, why it has no answer. */
  readonly check?: string
  readonly examples?: readonly string[]
  readonly why?: string
}

export interface FindingBaseline {
  readonly kind: BaselineKind
  /** Those that have what was compared. */
  readonly runs: number
  /** A mean, a share of nulls, a number of rows, …; null: no one number. */
  readonly was: number | null
  readonly is: number | null
}

export interface Verdict {
  readonly decision: 'publish' | 'hold' | 'stop'
  readonly findings: readonly Finding[]
  /** Of `publish`: features that are left out of the commit, in the view's order (R35). Absent: none. */
  readonly heldFeatures?: readonly string[]
}
