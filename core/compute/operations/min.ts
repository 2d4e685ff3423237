import { extremePlan } from './extreme.js'
import { windowOperation } from './operation.js'
import { noOptions } from './options.js'
import { ordered } from './takes.js'

/** The smallest value. */
export const min = windowOperation({
  takes: ordered,
  takesRows: false,
  options: noOptions,
  answer: (column) => ({ ...column!, nullable: true }),
  ofNothing: 'null',
  bound: null,
  documentation: { call: "min('column', { over })", takes: 'anything but binary', answers: "the column's" },
  plan: ({ column }) => extremePlan(column!, 'min'),
})
