import { edgePlan } from './edge.js'
import { windowOperation } from './operation.js'
import { noOptions } from './options.js'
import { anything } from './takes.js'

/** The value of the newest row of the window that has one, in the order of R3. */
export const last = windowOperation({
  takes: anything,
  takesRows: false,
  options: noOptions,
  answer: (column) => ({ ...column!, nullable: true }),
  ofNothing: 'null',
  bound: null,
  documentation: {
    call: "last('column', { over })",
    takes: 'any column',
    answers: "the column's; of the newest row that has a value (R3)",
  },
  plan: ({ column, order }) => edgePlan(column!, order, 'last'),
})
