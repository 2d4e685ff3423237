import { extremePlan } from './extreme.js'
import { windowOperation } from './operation.js'
import { noOptions } from './options.js'
import { ordered } from './takes.js'

/** The largest value. */
export const max = windowOperation({
  takes: ordered,
  takesRows: false,
  options: noOptions,
  answer: (column) => ({ ...column!, nullable: true }),
  ofNothing: 'null',
  bound: null,
  documentation: { call: "max('column', { over })", takes: 'anything but binary', answers: "the column's" },
  plan: ({ column }) => extremePlan(column!, 'max'),
})
