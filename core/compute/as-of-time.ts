/**
 * The times of an as-of join. Instants in files are decimals of 38 digits (R11), and sorting by 128 bits costs twice what 64 do. Where it
 * fits, rows are compared by the distance from the middle of a span that begins with the view, exact to the nanosecond:
 *
 *     since                    middle              since + 63 years
 *     ├───────────────────────────┼───────────────────────────┤      18 digits to each side
 *                 ▲ no row of the spine looks behind this
 */
import { type Instant, parseInstant } from '../time/instant.js'
import { cast, type Expression, literal, operation, type SqlType, tryCast } from './sql-algebra.js'
import type { Asked } from './training-asked.js'
import type { TrainingViewPlan } from './training-set-plan.js'

export interface AsOfTime {
  /** Of a committed row, from its stored instant; null: no row of the spine sees it. */
  ofRow(instant: Expression): Expression
  /** Of a row of the spine. */
  ofSpine(instant: Expression): Expression
  /** Back to the stored instant of a committed row. */
  toInstant(time: Expression): Expression
}

const half = 10n ** 18n - 1n
const narrow: SqlType = { kind: 'decimal', precision: 18, scale: 0 }
const stored: SqlType = { kind: 'storedInstant' }

export function asOfTime({ bundle }: TrainingViewPlan, { latest }: Pick<Asked, 'latest'>): AsOfTime {
  const since = parseInstant(bundle.view.since)
  const middle = since + half - 1n
  if (latest === null || latest > middle + half) return asStored
  const fromMiddle = (instant: Expression): Expression => operation('-', instant, at(middle))
  return {
    // Rows begin with the view (R21); those too late for the span are later than every row of the spine.
    ofRow: (instant) => tryCast(fromMiddle(instant), narrow),
    // Nothing is committed before the view begins: whoever looks earlier sees as little just before it.
    ofSpine: (instant) => cast(fromMiddle(operation('greatest', instant, at(since - 1n))), narrow),
    toInstant: (time) => operation('+', cast(time, stored), at(middle)),
  }
}

const same = (time: Expression): Expression => time
const asStored: AsOfTime = { ofRow: same, ofSpine: same, toInstant: same }
const at = (instant: Instant): Expression => cast(literal(instant), stored)
export const atColumn = '__at'
