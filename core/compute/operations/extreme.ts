/** The smallest or largest value; NaN is above every number (R20). */
import type { Column } from '../../define/column-type.js'
import { fromStored, sqlType } from '../column-types.js'
import { aggregate, column } from '../sql-algebra.js'
import { comparable } from './comparable.js'
import type { OperationPlan } from './operation.js'

export function extremePlan(declared: Column, which: 'min' | 'max'): OperationPlan {
  const name = `__${which} ${declared.name}`
  return {
    states: [
      {
        name,
        type: sqlType(declared),
        accumulate: aggregate(which, comparable(declared, column(declared.name))),
        merge: (state, where) => aggregate(which, state, where),
      },
    ],
    finish: (merged) => ({ layers: [], value: fromStored(merged.column(name), declared) }),
  }
}
