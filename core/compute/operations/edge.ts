/**
 * `first` and `last` carry event and created time of their row. Rows that tie on both lie in one part of one tile, where the whole row
 * settles it, so the parts of different tiles never tie; but under `created` visibility with event ids such rows may lie in
 * parts that end at different times, and the order of the whole row has to travel with the value (tile-order.ts).
 */
import type { Column } from '../../define/column-type.js'
import { fromStored, sqlType } from '../column-types.js'
import { aggregate, cases, column, field, operation, struct } from '../sql-algebra.js'
import type { OperationPlan, RowOrder } from './operation.js'

export function edgePlan(declared: Column, order: RowOrder, which: 'first' | 'last'): OperationPlan {
  const direction = which === 'last' ? 'max' : 'min'
  const name = `__${which} ${declared.name}`
  const value = column(declared.name)
  const winner = aggregate(direction, cases([[operation('isNotNull', value), order.ofRow(value)]]))
  const kept = [...order.kept, ['value', sqlType(declared)] as const]
  return {
    states: [
      {
        name,
        type: { kind: 'struct', fields: kept },
        accumulate: cases([
          [operation('isNotNull', winner), struct(kept.map(([fieldName]) => [fieldName, field(winner, fieldName)]))],
        ]),
        merge: (state, where) => aggregate(direction, state, where),
      },
    ],
    finish: (merged) => ({ layers: [], value: fromStored(field(merged.column(name), 'value'), declared) }),
  }
}
