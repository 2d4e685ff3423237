import { windowOperation } from './operation.js'
import { noOptions } from './options.js'
import { spreadPlan } from './spread.js'
import { numbers } from './takes.js'

/** Of a sample (divided by n - 1, as SQL's STDDEV and pandas' std): null below two values. */
export const stddev = windowOperation({
  takes: numbers,
  takesRows: false,
  options: noOptions,
  answer: () => ({ kind: 'float64', nullable: true }),
  ofNothing: 'null',
  bound: 'eight units in the last place',
  documentation: { call: "stddev('column', { over })", takes: 'numbers', answers: 'float64; null below two values' },
  plan: ({ column }) => spreadPlan(column!, 'sample', 'deviation'),
})
