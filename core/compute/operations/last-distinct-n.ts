import { sqlType, storedType } from '../column-types.js'
import { aggregate, column as columnOf, largest } from '../sql-algebra.js'
import { comparable } from './comparable.js'
import { listOf, valuesOf } from './last-n.js'
import { windowOperation } from './operation.js'
import { countOption } from './options.js'
import { anything } from './takes.js'

/** The n distinct values seen last, each at the place of its newest row (R3), the newest first; 0.0 and -0.0 are one value. */
export const lastDistinctN = windowOperation({
  takes: anything,
  takesRows: false,
  options: countOption,
  answer: (column) => listOf(column!),
  ofNothing: 'null',
  bound: null,
  documentation: {
    call: "last_distinct_n('column', { n, over })",
    takes: 'any column; n from 1 to 1,000',
    answers: "list of the column's: the n distinct values seen last, the newest first (R3)",
  },
  plan: ({ column, parameters, order }) => {
    const { name } = column!
    const value = comparable(column!, columnOf(name))
    const top = `__lastDistinct${parameters.n} ${name}`
    return {
      isRanked: true,
      states: [
        {
          name: `__seen ${name}`,
          type: { kind: 'struct', fields: [...order.rankedFields, ['value', sqlType(column!)] as const] },
          accumulate: aggregate('max', order.ranked(value)),
          merge: (state, where) => aggregate('max', state, where),
        },
      ],
      inner: {
        name: `value ${name}`,
        type: storedType(sqlType(column!)),
        of: value,
        gather: (merged) => [[merged.name(top), largest(merged.column(`__seen ${name}`), parameters.n as number)]],
      },
      finish: (merged) => ({ layers: [], value: valuesOf(merged.column(top)) }),
    }
  },
})
