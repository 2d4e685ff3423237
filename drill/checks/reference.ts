/** What must be there, by the events alone: no SQL, and nothing of the product. */
import type { EventRow } from '../world/events.js'
import { countedOver, summedOver } from '../world/world-repo.js'

export interface ReferenceVector {
  readonly status: 'present' | 'missing'
  readonly values: Readonly<Record<string, string | null>>
}

/** R7, R9: windows that end at `endMs`, which is not in them. */
export function totalsAt(
  rows: readonly EventRow[],
  userId: number,
  endMs: number,
  everyMs: number,
): ReferenceVector['values'] {
  const own = rows.filter((row) => row.userId === userId && row.atMs < endMs)
  const within = (ms: number) => own.filter((row) => row.atMs >= endMs - ms)
  const amounts = within(summedOver * everyMs).flatMap(({ amount }) => (amount === null ? [] : [amount]))
  return {
    events_counted: String(within(countedOver * everyMs).length),
    amount_summed: amounts.length === 0 ? null : String(amounts.reduce((sum, amount) => sum + amount, 0)),
  }
}

/** R1, R6: the latest row before `endMs`; null: there is none. No two rows of a user share a time. */
export function latestAt(rows: readonly EventRow[], userId: number, endMs: number): ReferenceVector['values'] | null {
  const own = rows.filter((row) => row.userId === userId && row.atMs < endMs).sort((a, b) => b.atMs - a.atMs)
  const [row] = own
  return row === undefined ? null : { item: row.item, amount: row.amount === null ? null : String(row.amount) }
}

/** R19: of rows with one event id one counts. */
export function onceEach(rows: readonly EventRow[]): EventRow[] {
  return [...new Map(rows.map((row) => [row.eventId, row])).values()]
}
