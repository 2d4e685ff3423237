/**
 * The times of an as-of join. Instants are decimals of 38 digits (R11), and sorting by 128 bits costs twice what 64 do. Where a spine looks
 * only at times that fit in 64 bits, years 1677 to 2262, rows are compared by those: files hold them so (`storedEventType`).
 *
 * Of the spine they are made from decimals by way of the distance from the middle of a span that begins with the view, because turning
 * 38 digits into an integer divides by 10^0 in 128 bits:
 *
 *     since                    middle              since + 63 years
 *     ├───────────────────────────┼───────────────────────────┤      18 digits to each side
 *                 ▲ no row of the spine looks behind this
 */
import { type Instant, maxInt64, parseInstant } from '../time/instant.js'
import { cast, type Expression, literal, operation, type SqlType, tryCast } from './sql-algebra.js'
import type { Asked } from './training-asked.js'
import type { TrainingViewPlan } from './training-set-plan.js'

export interface AsOfTime {
  /** Of a committed row, from its event time as files hold it; null: no row of the spine sees it. */
  ofRow(event: Expression): Expression
  /** Of a row of the spine, from its stored instant. */
  ofSpine(instant: Expression): Expression
}

const half = 10n ** 18n - 1n
const int64: SqlType = { kind: 'int64' }
const stored: SqlType = { kind: 'storedInstant' }

export function asOfTime({ bundle }: TrainingViewPlan, { latest }: Pick<Asked, 'latest'>): AsOfTime {
  const since = parseInstant(bundle.view.since)
  const middle = since + half - 1n
  const isNarrow = latest !== null && latest <= middle + half && latest <= maxInt64 && since > -maxInt64
  if (!isNarrow) return asStored
  return {
    // Rows begin with the view (R21); those too late for 64 bits are later than every row of the spine.
    ofRow: (event) => tryCast(event, int64),
    // Nothing is committed before the view begins: whoever looks earlier sees as little just before it.
    ofSpine: (instant) => {
      const distance = operation('-', operation('greatest', instant, at(since - 1n)), at(middle))
      return operation('+', cast(cast(distance, { kind: 'decimal', precision: 18, scale: 0 }), int64), literal(middle))
    },
  }
}

const same = (time: Expression): Expression => time
const asStored: AsOfTime = { ofRow: (event) => cast(event, stored), ofSpine: same }
const at = (instant: Instant): Expression => cast(literal(instant), stored)
export const atColumn = '__at'
