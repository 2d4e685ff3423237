import { cases, cast, column as columnOf, literal, operation, type SqlType } from '../sql-algebra.js'
import { countName, countState } from './counted-values.js'
import { finishSum, sumStates } from './exact-sums.js'
import { windowOperation } from './operation.js'
import { noOptions } from './options.js'
import { numbers } from './takes.js'

const float64: SqlType = { kind: 'float64' }

/** One division, of the whole window's sum by its values. */
export const avg = windowOperation({
  takes: numbers,
  takesRows: false,
  options: noOptions,
  answer: () => ({ kind: 'float64', nullable: true }),
  ofNothing: 'null',
  bound: 'three units in the last place',
  documentation: { call: "avg('column', { over })", takes: 'numbers', answers: 'float64' },
  plan: ({ column }) => {
    const name = countName(column!.name)
    return {
      states: [countState(name, columnOf(column!.name)), ...sumStates(column!)],
      finish: (merged) => {
        const total = finishSum(column!, merged)
        const count = merged.column(name)
        const quotient = operation('/', cast(total.value, float64), cast(count, float64))
        return { layers: total.layers, value: cases([[operation('>', count, literal(0n)), cast(quotient, float64)]]) }
      },
    }
  },
})
