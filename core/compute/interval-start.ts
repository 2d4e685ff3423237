import type { FeatureViewDefinition } from '../define/definitions.js'
import { parseDuration } from '../time/duration.js'
import { parseInstant } from '../time/instant.js'
import { type Expression, literal, operation } from './sql-algebra.js'

/** Start of the view's interval that holds an instant, in nanoseconds, as the instant is. */
export function intervalStart(view: Pick<FeatureViewDefinition, 'since' | 'every'>, at: Expression): Expression {
  const since = literal(parseInstant(view.since))
  const every = literal(parseDuration(view.every))
  return operation('+', since, operation('*', operation('floorDiv', operation('-', at, since), every), every))
}
