import { familyOf } from '../../define/column-types.js'
import { sqlType } from '../column-types.js'
import { aggregate, cast, column as columnOf, literal, operation } from '../sql-algebra.js'
import { comparable } from './comparable.js'
import { windowOperation } from './operation.js'
import { noOptions } from './options.js'
import { anything } from './takes.js'

/** Exact: a tile keeps its distinct values. All NaN are one value, and so are 0.0 and -0.0. */
export const countDistinct = windowOperation({
  takes: anything,
  takesRows: false,
  options: noOptions,
  answer: () => ({ kind: 'int64', nullable: false }),
  ofNothing: 'zero',
  bound: null,
  documentation: { call: "count_distinct('column', { over })", takes: 'any column', answers: 'int64' },
  plan: ({ column }) => {
    const name = `__distinct ${column!.name}`
    const value = comparable(column!, columnOf(column!.name))
    const distinct = familyOf(column!.kind) === 'float' ? 'listDistinctSortedFloats' : 'listDistinctSorted'
    return {
      states: [
        {
          name,
          type: { kind: 'list', of: sqlType(column!) },
          accumulate: operation(distinct, aggregate('list', value, operation('isNotNull', value))),
          merge: (state, where) => operation(distinct, operation('listFlatten', aggregate('list', state, where))),
        },
      ],
      finish: (merged) => ({
        layers: [],
        value: cast(operation('coalesce', operation('length', merged.column(name)), literal(0n)), { kind: 'int64' }),
      }),
    }
  },
})
