/** The slow truth: what a view's rows answer at a time, by nested loops over raw rows, rule by rule (docs/semantics.md). */
export type Value = null | boolean | bigint | number | string
export interface Row {
  readonly key: readonly Value[]
  readonly event: bigint | null
  readonly created: bigint | null
  readonly id: string | null
  readonly isDeleted: boolean | null
  /** The declared columns, in their order. */
  readonly columns: Readonly<Record<string, Value>>
}
export interface Rules {
  readonly visibility: 'event' | 'created'
  readonly within: bigint | null
  readonly ttl: bigint | null
}
/** What an aggregate may answer: a value, a list, or for buckets a list of pairs. */
export type Answer = Value | readonly Answer[]

export function compareValues(a: Value, b: Value): number {
  if (a === null || b === null) return (a === null ? 0 : 1) - (b === null ? 0 : 1)
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b))
  if (Object.is(a, b)) return 0
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) ? 1 : -1
  return a === b ? (Object.is(a, -0) ? -1 : 1) : a < b ? -1 : 1
}
const compareLists = (a: readonly Value[], b: readonly Value[]): number =>
  a.map((value, index) => compareValues(value, b[index]!)).find((order) => order !== 0) ?? 0
const byEvent = (a: Row, b: Row): number =>
  compareLists([a.event, a.created, ...Object.values(a.columns)], [b.event, b.created, ...Object.values(b.columns)])
const byCreated = (a: Row, b: Row): number => compareValues(a.created, b.created) || byEvent(a, b)

/** R4, R5, R16, R19: the rows of a key that count for an answer at `t`, in the order of R3. */
export function rowsOf(rows: readonly Row[], key: readonly Value[], t: bigint, rules: Rules): Row[] {
  const known = rows
    .filter((row) => row.event !== null && key.every((part, index) => part !== null && part === row.key[index]))
    .filter((row) => rules.visibility === 'event' || (row.created !== null && row.created <= t))
    .toSorted(byCreated)
  const isNear = (a: Row, b: Row) => rules.within === null || abs(a.event! - b.event!) <= rules.within
  return known
    .filter(
      (row, at) => row.id === null || !known.slice(at + 1).some((later) => later.id === row.id && isNear(row, later)),
    )
    .toSorted(byEvent)
}
const abs = (n: bigint): bigint => (n < 0n ? -n : n)

/** R1, R2, R6, R18. */
export function lookup(rows: readonly Row[], key: readonly Value[], t: bigint, rules: Rules): Row | null {
  const row = rowsOf(rows, key, t, rules).findLast((candidate) => candidate.event! <= t)
  if (!row || row.isDeleted || (rules.ttl !== null && t - row.event! > rules.ttl)) return null
  return row
}

/** R7, R8; `column` null counts rows; sums of floats come as their values. */
export function window(rows: readonly Row[], key: readonly Value[], t: bigint, rules: Rules, w: bigint | null): Row[] {
  return rowsOf(rows, key, t, rules).filter(
    (row) => !row.isDeleted && (w === null || row.event! >= t - w) && row.event! < t,
  )
}
