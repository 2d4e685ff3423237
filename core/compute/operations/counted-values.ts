import { aggregate, cast, type Expression } from '../sql-algebra.js'
import type { TileState } from './operation.js'

/** How many; `operand` null: rows. */
export function countState(name: string, operand: Expression | null): TileState {
  return {
    name,
    type: { kind: 'int64' },
    accumulate: aggregate('count', operand),
    merge: (state, where) => cast(aggregate('sum', state, where), { kind: 'int64' }),
  }
}

export const countName = (column: string | null): string => (column === null ? '__count' : `__count ${column}`)
