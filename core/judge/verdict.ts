/** Facts as data; the sentences are made where they are shown. */

/** Statistics of one column of the candidate; numbers are approximate where the name of the statistic is (p25 …). */
export interface ColumnProfile {
  readonly feature: string
  readonly column: string | null
  readonly values: number
  readonly nulls: number
  readonly nans: number
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
  readonly severity: 'hold' | 'warn'
  /** Null: the view as a whole. */
  readonly feature: string | null
  readonly observed: number
  readonly limit: number
}

export interface Verdict {
  readonly decision: 'publish' | 'hold' | 'stop'
  readonly findings: readonly Finding[]
}
