import type { ColumnType, ListType } from '../../define/column-type.js'
import { sqlType } from '../column-types.js'
import { aggregate, cases, column as columnOf, each, field, largest, literal, operation } from '../sql-algebra.js'
import { windowOperation } from './operation.js'
import { countOption } from './options.js'
import { anything } from './takes.js'

/** The values of the n newest rows that have one, the newest first (R3): its first item is what `last` answers. */
export const lastN = windowOperation({
  takes: anything,
  takesRows: false,
  options: countOption,
  answer: (column) => listOf(column!),
  ofNothing: 'null',
  bound: null,
  documentation: {
    call: "last_n('column', { n, over })",
    takes: 'any column; n from 1 to 1,000',
    answers: "list of the column's: of the n newest rows that have a value, the newest first (R3)",
  },
  plan: ({ column, parameters, order }) => {
    const n = parameters.n as number
    const name = `__last${n} ${column!.name}`
    const value = columnOf(column!.name)
    return {
      isRanked: true,
      states: [
        {
          name,
          type: {
            kind: 'list',
            of: { kind: 'struct', fields: [...order.rankedFields, ['value', sqlType(column!)] as const] },
          },
          accumulate: largest(order.ranked(value), n, operation('isNotNull', value)),
          merge: (state, where) =>
            operation('listLargest', operation('listFlatten', aggregate('list', state, where)), literal(BigInt(n))),
        },
      ],
      finish: (merged) => ({ layers: [], value: valuesOf(merged.column(name)) }),
    }
  },
})

/** A list of structs as the list of their values; null where it is empty. */
export function valuesOf(list: Parameters<typeof each>[0]) {
  return cases([[operation('>', operation('length', list), literal(0n)), each(list, (item) => field(item, 'value'))]])
}

export function listOf(column: ColumnType): ListType {
  return { kind: 'list', nullable: true, of: { ...column, nullable: false } }
}
