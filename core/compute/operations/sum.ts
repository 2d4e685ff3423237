import type { ColumnType } from '../../define/column-type.js'
import { isFloat } from '../../define/column-types.js'
import { sqlType } from '../column-types.js'
import { cast } from '../sql-algebra.js'
import { finishSum, sumStates } from './exact-sums.js'
import { windowOperation } from './operation.js'
import { noOptions } from './options.js'
import { numbers } from './takes.js'

/** Exact beyond 2^53 for integers, decimals stay decimal (R20); of floats whatever the order of rows and tiles. */
export const sum = windowOperation({
  takes: numbers,
  takesRows: false,
  options: noOptions,
  answer: (column) => sumType(column!),
  ofNothing: 'null',
  bound: 'floats: two units in the last place',
  documentation: {
    call: "sum('column', { over })",
    takes: 'numbers',
    answers: 'integers: decimal(38,0); decimal(p,s): decimal(38,s); floats: float64',
  },
  plan: ({ column }) => ({
    states: sumStates(column!),
    finish: (merged) => {
      const { layers, value } = finishSum(column!, merged)
      return { layers, value: cast(value, sqlType(sumType(column!))) }
    },
  }),
})

function sumType(column: ColumnType): ColumnType {
  if (isFloat(column.kind)) return { kind: 'float64', nullable: true }
  return { kind: 'decimal', precision: 38, scale: column.scale ?? 0, nullable: true }
}
