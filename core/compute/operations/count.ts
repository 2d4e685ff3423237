import { cast, column as columnOf, literal, operation } from '../sql-algebra.js'
import { countName, countState } from './counted-values.js'
import { windowOperation } from './operation.js'
import { noOptions } from './options.js'
import { anything } from './takes.js'

/** Rows, or with a column its values. */
export const count = windowOperation({
  takes: anything,
  takesRows: true,
  options: noOptions,
  answer: () => ({ kind: 'int64', nullable: false }),
  ofNothing: 'zero',
  bound: null,
  documentation: {
    call: "count({ over }), count('column', { over })",
    takes: 'rows; values of any column',
    answers: 'int64',
  },
  plan: ({ column }) => {
    const name = countName(column?.name ?? null)
    return {
      states: [countState(name, column && columnOf(column.name))],
      finish: (merged) => ({
        layers: [],
        value: operation('coalesce', cast(merged.column(name), { kind: 'int64' }), literal(0n)),
      }),
    }
  },
})
