/** The order of rows (R3) as states carry it: by event and created time, and by what settles a tie of the two. */
import { familyOf } from '../define/column-types.js'
import type { ViewBundle } from '../define/definitions.js'
import { sqlType } from './column-types.js'
import type { RowOrder } from './operations/operation.js'
import { rowOrderValue } from './row-order.js'
import { column, type Expression, type SqlType } from './sql-algebra.js'

/** Number of a row among those of its key and tile, in the order of R3. */
export const rankColumn = '__rank'

/**
 * Rows that tie on event and created time lie in one part of one tile, where the whole row settles it, so the parts of different
 * tiles never tie, and a rank within the part is as good as the row. But under `created` visibility with event ids such rows may lie in
 * parts that end at different times, and the order of the whole row has to travel with the value.
 */
export function tileOrder({ source }: ViewBundle): RowOrder {
  const instant: SqlType = { kind: 'instant' }
  const times: (readonly [string, SqlType])[] = [
    ['event', instant],
    ['created', instant],
  ]
  const ofRow = (value: Expression): Expression => rowOrderValue(source.schema, [['value', value]])
  if (source.visibility === 'created' && source.eventId !== null) {
    const order = source.schema.flatMap((entry): SqlType[] =>
      familyOf(entry.kind) === 'float' ? [sqlType(entry), { kind: 'boolean' }] : [sqlType(entry)],
    )
    const whole = order.flatMap((type, index): (readonly [string, SqlType])[] => [
      [`has${index}`, { kind: 'boolean' }],
      [`value${index}`, type],
    ])
    const kept = [...times, ...whole]
    return { ofRow, kept, ranked: ofRow, rankedFields: kept }
  }
  const ranked = (value: Expression): Expression =>
    rowOrderValue(
      [],
      [
        ['rank', column(rankColumn)],
        ['value', value],
      ],
    )
  return { ofRow, kept: times, ranked, rankedFields: [...times, ['rank', { kind: 'int64' }]] }
}
