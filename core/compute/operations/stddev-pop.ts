import { windowOperation } from './operation.js'
import { noOptions } from './options.js'
import { spreadPlan } from './spread.js'
import { numbers } from './takes.js'

/** Of a population (divided by n). */
export const stddevPop = windowOperation({
  takes: numbers,
  takesRows: false,
  options: noOptions,
  answer: () => ({ kind: 'float64', nullable: true }),
  ofNothing: 'null',
  bound: 'eight units in the last place',
  documentation: { call: "stddev_pop('column', { over })", takes: 'numbers', answers: 'float64' },
  plan: ({ column }) => spreadPlan(column!, 'population', 'deviation'),
})
