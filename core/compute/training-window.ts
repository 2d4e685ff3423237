/** Windows for a spine: each row at time t is answered at T = floor(t / d)·d from the committed tiles (R9), as online is at E = T (R29). */
import type { WindowFeature } from '../define/definitions.js'
import { answerOfNothing, mergedFeatures } from './merged-features.js'
import { printCreate, printDrop } from './print-duckdb.js'
import {
  all,
  any,
  cases,
  cast,
  column,
  type Expression,
  join,
  literal,
  type NamedExpression,
  operation,
  select,
  table,
} from './sql-algebra.js'
import { partColumns, tileParts, tileStates, windowFeatures } from './tile-parts.js'
import { knownColumn, spanColumn, tileColumn, tileNs, untilColumn } from './tile-rows.js'
import { type Answers, type Asked, comparedKey, nowhere } from './training-asked.js'
import type { TrainingViewPlan } from './training-set-plan.js'
import { coarseSpan, readTiles, type TileSpan, windowLengths, windowTiles } from './window-values.js'

const endColumn = '__end'
const keyName = (part: number): string => `__key${part}`
const startFlag = (index: number): string => `__in_window${index}`

export function windowAnswers(view: TrainingViewPlan, asked: Asked): Answers {
  const { bundle } = view
  const questions = `${asked.prefix}_questions`
  const t = operation('integerFromDecimal', column('__t'))
  const end = cast(operation('floorDiv', t, literal(tileNs(bundle))), { kind: 'int64' })
  const spineKeys = asked.keys.map((_, part) => column(`__key${asked.view}_${part}`))
  // Each key and tile edge is answered once, however many rows of the spine ask for it.
  const distinct = select(
    table(asked.spine),
    [...spineKeys.map((key, part): NamedExpression => [keyName(part), key]), [endColumn, end]],
    { distinct: true, where: all(spineKeys.map((key) => operation('isNotNull', key))) },
  )
  const keys = [...asked.keys.map((_, part) => keyName(part)), endColumn]
  const merged = mergedFeatures(
    bundle,
    tilesInReach(view, asked, questions),
    keys,
    (feature) => column(startFlag(windowLengths(bundle).indexOf(feature.over))),
    asked.constants,
  )
  const spine = select(table(asked.spine), [
    ['__row', column('__row')],
    ...(asked.isHeld ? [['__t', column('__t')] satisfies NamedExpression] : []),
    ...spineKeys.map((key, part): NamedExpression => [keyName(part), key]),
    [endColumn, end],
  ])
  const same = all(keys.map((name) => operation('=', column(name, 'spine'), column(name, 'answer'))))
  return {
    before: [printCreate('table', questions, distinct)],
    after: [printDrop('table', questions)],
    answers: select(join('left', [spine, 'spine'], [merged, 'answer'], same), [
      ['__row', column('__row', 'spine')],
      ...windowFeatures(bundle).map((feature): NamedExpression => {
        const found = column(feature.name, 'answer')
        return [feature.name, asked.isHeld ? heldValue(feature, found, bundle) : neverSeen(feature, found)]
      }),
      ...(asked.thereColumn === undefined ? [] : [isThere(asked.thereColumn)]),
    ]),
  }
}

/** R8: a key never seen has counts of 0. */
function neverSeen(feature: WindowFeature, value: Expression): Expression {
  const nothing = answerOfNothing(feature)
  return nothing === null ? value : operation('coalesce', value, literal(nothing))
}

/** R35: a new key has null, but where nothing was shown of any. */
function heldValue(feature: WindowFeature, value: Expression, bundle: TrainingViewPlan['bundle']): Expression {
  const isNowhere = operation('=', operation('integerFromDecimal', column('__t', 'spine')), literal(nowhere(bundle)))
  return cases([[isNowhere, neverSeen(feature, value)]], value)
}

const isThere = (name: string): NamedExpression => [name, operation('isNotNull', column(endColumn, 'answer'))]

/**
 * Each question beside the tiles of its windows. A coarse tile stands for the finer ones of its span in the windows that hold the whole
 * of it, and there alone, as in window-values.ts; the spans it would stand in are looked up once for each tile.
 */
function tilesInReach(view: TrainingViewPlan, asked: Asked, questions: string) {
  const { bundle } = view
  const parts = tileParts(bundle)
  const states = [...partColumns(parts).map(([name]) => name), ...tileStates(parts).map(({ name }) => name)]
  const spans = asked.coarse.map(({ span }) => coarseSpan(bundle, span))
  const longer = [...new Set(spans.map(({ length }) => length))]
  const coarseFiles = asked.coarse.flatMap(({ file }) => file ?? [])
  const tiles = select(readTiles(bundle, [...asked.files, ...coarseFiles]), [
    ...bundle.view.keyColumns.map(({ key }, part): NamedExpression => [keyName(part), comparedKey(asked, part, key)]),
    ...[tileColumn, spanColumn, knownColumn, ...states].map((name): NamedExpression => [name, column(name)]),
    [untilColumn, asked.constants?.get(untilColumn) === 'null' ? literal(null) : column(untilColumn)],
    ...longer.map((length): NamedExpression => [coarseStart(length), startOfCoarse(length, spans)]),
  ])
  const end = column(endColumn, 'question')
  const first = column(tileColumn, 'tile')
  const lengths = windowLengths(bundle)
  // In tiles before the end, as the window at tile 0 has them.
  const reaches = lengths.map((length) => windowTiles(bundle, length, 0n).from)
  const flags = reaches.map((from) => {
    const isAfterStart = (tile: Expression): Expression[] =>
      from === null ? [] : [operation('>=', tile, operation('+', end, literal(from)))]
    const stoodFor = longer.map((length) => {
      const start = column(coarseStart(length), 'tile')
      const isWhole = all([...isAfterStart(start), operation('<=', operation('+', start, literal(length)), end)])
      return operation('not', operation('coalesce', isWhole, literal(false)))
    })
    return all([...isAfterStart(first), ...stoodFor])
  })
  const asksFor = new Set(
    windowFeatures(bundle).flatMap(({ name, over }) =>
      asked.thereColumn !== undefined || isAsked(view, name) ? [over] : [],
    ),
  )
  const wanted = lengths.flatMap((over, index) =>
    asksFor.has(over) ? [{ from: reaches[index]!, flag: flags[index]! }] : [],
  )
  // Without coarse tiles the longest window holds what is in any; said so, the join itself leaves out the rest.
  const deciding = longer.length > 0 ? wanted : wanted.toSorted((a, b) => compareReach(a.from, b.from)).slice(0, 1)
  const on = all([
    ...asked.keys.map((_, part) => operation('=', column(keyName(part), 'question'), column(keyName(part), 'tile'))),
    operation('<=', operation('+', first, column(spanColumn, 'tile')), end),
    operation('<', column(knownColumn, 'tile'), end),
    operation('coalesce', operation('<=', end, column(untilColumn, 'tile')), literal(true)),
    any(deciding.map(({ flag }) => flag)),
  ])
  return select(join('inner', [table(questions), 'question'], [tiles, 'tile'], on), [
    ...asked.keys.map((_, part): NamedExpression => [keyName(part), column(keyName(part), 'question')]),
    [endColumn, end],
    ...flags.map((flag, index): NamedExpression => [startFlag(index), flag]),
    ...states.map((name): NamedExpression => [name, column(name, 'tile')]),
  ])
}

/** The longest first, by where windows begin before their end; null: nowhere. */
function compareReach(a: bigint | null, b: bigint | null): number {
  if (a === b) return 0
  return a === null || (b !== null && a < b) ? -1 : 1
}

/** Windows that nobody asks for need not reach anything. */
const isAsked = (view: TrainingViewPlan, name: string): boolean =>
  view.features.some(({ feature }) => feature.name === name)

const coarseStart = (length: bigint): string => `__coarse_start${length}`

/** Of a tile the first of the coarse one of this length that may stand for it; null: there is none. */
function startOfCoarse(length: bigint, spans: readonly TileSpan[]): Expression {
  const indexes = spans.filter((span) => span.length === length).map((span) => literal(span.first / length))
  const index = cast(operation('floorDiv', column(tileColumn), literal(length)), { kind: 'int64' })
  const isFiner = operation('<', column(spanColumn), literal(length))
  return cases([[all([isFiner, operation('in', index, ...indexes)]), operation('*', index, literal(length))]])
}
