/**
 * The smallest views that still show every rule: rows of three keys in a few intervals of ten time units. Interval `i` is
 * `[10 i, 10 i + 10)`; an end `E` counts intervals, so E = 2 is the instant 20. Nothing here knows of publishing.
 */
export interface Row {
  readonly key: string
  readonly at: number
  readonly value: number
}

export type View =
  | { readonly kind: 'lookup' }
  | { readonly kind: 'window'; readonly reach: number; readonly onGap: 'block' | 'mark' }

/** Rows of the committed version, by interval. */
export type Committed = ReadonlyMap<number, readonly Row[]>

export const intervalCount = 4
export const intervalLength = 10
export const views: readonly View[] = [
  { kind: 'lookup' },
  { kind: 'window', reach: 2, onGap: 'block' },
  { kind: 'window', reach: 2, onGap: 'mark' },
]

export function isInside(row: Row, interval: number): boolean {
  return Math.floor(row.at / intervalLength) === interval
}

/** What online has to hold at end `E`: R22 for a lookup, R9 and R29 for a window. A key left out is missing. */
export function project(view: View, committed: Committed, endAt: number): Map<string, string> {
  return view.kind === 'lookup' ? newestRows(committed) : windowSums(committed, endAt - view.reach, endAt)
}

function newestRows(committed: Committed): Map<string, string> {
  const newest = new Map<string, Row>()
  for (const rows of committed.values())
    for (const row of rows) {
      const other = newest.get(row.key)
      if (!other || row.at > other.at || (row.at === other.at && row.value > other.value)) newest.set(row.key, row)
    }
  return new Map([...newest].map(([key, row]) => [key, `${row.value}@${row.at}`]))
}

function windowSums(committed: Committed, from: number, to: number): Map<string, string> {
  const sums = new Map<string, { sum: number; count: number }>()
  for (const [interval, rows] of committed) {
    if (interval < from || interval >= to) continue
    for (const row of rows) {
      const sum = sums.get(row.key) ?? { sum: 0, count: 0 }
      sums.set(row.key, { sum: sum.sum + row.value, count: sum.count + 1 })
    }
  }
  return new Map([...sums].map(([key, { sum, count }]) => [key, `sum ${sum} of ${count}`]))
}

/** R32: intervals that the windows at `endAt` reach, from `since` (0) on, and that are not committed. */
export function missingAt(view: View, committed: { has(interval: number): boolean }, endAt: number): number[] {
  if (view.kind === 'lookup') return []
  const missing: number[] = []
  for (let at = Math.max(0, endAt - view.reach); at < endAt; at++) if (!committed.has(at)) missing.push(at)
  return missing
}

/** R29, R32: the newest committed end, for a blocking window the newest whose whole reach is committed; 0: none. */
export function newestEnd(view: View, committed: { has(interval: number): boolean }, isBlocking = true): number {
  for (let endAt = intervalCount; endAt > 0; endAt--) {
    if (!committed.has(endAt - 1)) continue
    const isBlocked = view.kind === 'window' && view.onGap === 'block' && missingAt(view, committed, endAt).length > 0
    if (!isBlocked || !isBlocking) return endAt
  }
  return 0
}
