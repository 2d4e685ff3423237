/** Tile rows to answers: merged per key, finished, and put side by side (operations/operation.ts). */
import type { ViewBundle, WindowFeature } from '../define/definitions.js'
import { storedType } from './column-types.js'
import { addLayers, columnsIn } from './layers.js'
import { ruleOf } from './operations/index.js'
import type { Merged, TileState } from './operations/operation.js'
import {
  aggregate,
  all,
  cases,
  cast,
  column,
  type Expression,
  join,
  literal,
  type NamedExpression,
  operation,
  type Relation,
  select,
  struct,
} from './sql-algebra.js'
import { noConstants, type TileConstants } from './tile-constants.js'
import {
  bucketColumn,
  innerColumn,
  layersTogether,
  type PlannedFeature,
  partColumn,
  type TilePart,
  tileParts,
  windowFeatures,
} from './tile-parts.js'

/** R8: what a feature answers where there is nothing; a map without buckets is null. */
export function answerOfNothing({ operation: name, by }: Pick<WindowFeature, 'operation' | 'by'>): 0n | null {
  return by === undefined && ruleOf(name).ofNothing === 'zero' ? 0n : null
}

/**
 * Groups tile rows by `keys` and gives each feature the merge of the rows for which `isIn(feature)` holds. Columns: `keys`, the
 * features. `rows`: `keys`, what `isIn` reads, and of a tile the columns of its parts and states. `constants`: of all these rows, and maybe others.
 */
export function mergedFeatures(
  bundle: ViewBundle,
  rows: Relation,
  keys: readonly string[],
  isIn: (feature: WindowFeature) => Expression | null,
  constants: TileConstants = noConstants,
): Relation {
  const parts = tileParts(bundle)
  const [first, ...others] = parts.map((part) => partAnswers(rows, parts.length > 1, part, keys, isIn, constants))
  // A key has a row of the first part in each of its tiles, so that none is lost here.
  const together = others.reduce<Relation>((left, right, index) => {
    const on = keys.map((key) => operation('=', column(key, 'part0'), column(key, `part${index + 1}`)))
    return join('left', [left, index === 0 ? 'part0' : ''], [right, `part${index + 1}`], all(on))
  }, first!)
  const isOne = others.length === 0
  const partOf = (feature: WindowFeature): string => {
    const index = parts.findIndex((part) => part.features.some((planned) => planned.feature.name === feature.name))
    return `part${index}`
  }
  return select(together, [
    ...keys.map((key): NamedExpression => [key, column(key, isOne ? null : 'part0')]),
    ...windowFeatures(bundle).map((feature): NamedExpression => {
      const found = column(feature.name, isOne ? null : partOf(feature))
      // A part may have no row for a key of the first.
      const nothing = answerOfNothing(feature)
      return [feature.name, isOne || nothing === null ? found : operation('coalesce', found, literal(nothing))]
    }),
  ])
}

/** Keys, and the answers of one part's features. */
function partAnswers(
  rows: Relation,
  isOneOfMany: boolean,
  part: TilePart,
  keys: readonly string[],
  isIn: (feature: WindowFeature) => Expression | null,
  constants: TileConstants,
): Relation {
  const { by, features } = part
  const where = isOneOfMany ? operation('=', column(partColumn), literal(part.number)) : null
  const within = [...keys, ...(by === null ? [] : [bucketColumn(by.name)])]
  const states = unique(
    features.flatMap(({ feature, plan }) =>
      plan.states.map(
        (state): NamedExpression => [mergedOf(feature).name(state.name), mergedState(state, isIn(feature), constants)],
      ),
    ),
  )
  const merged = part.inner
    ? gathered(rows, part, within, states, where)
    : { rows: groupBy(rows, within, states, where), names: [...within, ...states.map(([name]) => name)] }
  const finished = features.map((planned) => planned.plan.finish(mergedOf(planned.feature)))
  const layers = layersTogether(finished.map((one) => one.layers))
  const wanted = new Set([...within, ...columnsIn(...finished.map(({ value }) => value))])
  const answers = select(addLayers(merged.rows, merged.names, layers, wanted), [
    ...within.map(passed),
    ...features.map(({ feature }, at): NamedExpression => [feature.name, finished[at]!.value]),
  ])
  if (by === null) return answers
  return groupBy(
    answers,
    keys,
    features.map((planned) => mapOf(planned, by.name)),
    null,
  )
}

/** A column that says the same in each row is not merged row by row: then it matters only whether there is one. */
function mergedState(state: TileState, where: Expression | null, constants: TileConstants): Expression {
  const known = constants.get(state.name)
  if (known === undefined) return state.merge(column(state.name), where)
  const type = storedType(state.type)
  if (known === 'null') return cast(literal(null), type)
  const isThere = known === 'zero' ? literal(true) : operation('isNotNull', column(state.name))
  return cases([[aggregate('boolOr', isThere, where), cast(literal(0n), type)]])
}

/** States that are kept per inner value: merged for each of them, then taken together. */
function gathered(
  rows: Relation,
  { inner, features }: TilePart,
  within: readonly string[],
  states: readonly NamedExpression[],
  where: Expression | null,
) {
  const name = innerColumn(inner!.name)
  const groups = [...within, name]
  const perValue = groupBy(rows, groups, states, where)
  const key = within.map((part) => column(part))
  const besides = features.map(({ feature, plan }) => [
    plan.inner!.beside?.(mergedOf(feature), column(name), key) ?? [],
  ])
  const aggregates = unique(
    features.flatMap(({ feature, plan }) => plan.inner!.gather(mergedOf(feature), column(name))),
  )
  const wanted = new Set([...within, ...columnsIn(...aggregates.map(([, value]) => value))])
  const names = [...groups, ...states.map(([state]) => state)]
  const beside = addLayers(perValue, names, layersTogether(besides), wanted)
  return {
    rows: groupBy(beside, within, aggregates, null),
    names: [...within, ...aggregates.map(([aggregated]) => aggregated)],
  }
}

/** A bucket whose answer is that of nothing (R8) is left out; without any, the map is null. */
function mapOf({ feature }: PlannedFeature, by: string): NamedExpression {
  const value = column(feature.name)
  const isZero = ruleOf(feature.operation).ofNothing === 'zero'
  const isThere = isZero ? operation('<>', value, literal(0n)) : operation('isNotNull', value)
  const pair = struct([
    ['key', column(bucketColumn(by))],
    ['value', value],
  ])
  return [feature.name, operation('mapFromPairs', aggregate('list', pair, isThere))]
}

/** Each window has states of its own. */
function mergedOf({ over }: WindowFeature): Merged {
  const name = (state: string): string => `${state} @${over}`
  return { name, column: (state) => column(name(state)) }
}

function groupBy(
  rows: Relation,
  keys: readonly string[],
  aggregates: readonly NamedExpression[],
  where: Expression | null,
): Relation {
  return select(rows, [...keys.map(passed), ...aggregates], { where, groupBy: keys.map((key) => column(key)) })
}

const passed = (name: string): NamedExpression => [name, column(name)]

function unique(columns: readonly NamedExpression[]): NamedExpression[] {
  return [...new Map(columns.map((entry) => [entry[0], entry])).values()]
}
