/**
 * Tiles: per key and tile span, mergeable partial aggregates (R9). A file of them has the columns
 *
 * - the keys under the entity's names;
 * - `__tile`: number of the first tile of length d since 1970 that the row covers; `__span`: how many it covers (1; more in a coarse file);
 * - `__known`: the row counts at T = m·d from `__known < m` on. Under `event` visibility its last tile; under `created` visibility
 *   the tile span in which its rows became known, where that is later;
 * - `__until`: and until `m <= __until`, when a redelivery of its events became known (R19); null: for ever;
 * - `__part`, and what tells the rows of a part apart, where features need more than one row per key and tile (tile-parts.ts);
 * - the states of the features' operations (operations/).
 *
 *       tile 7        tile 8         tile 9
 *     [───a──b──────[──────────────[───────────        d = 1 h; a written down at once, b an hour later
 *      a: __tile 7, __known 7       b: __tile 7, __known 8
 *     at T = 8·d a window holds a; at T = 9·d a and b
 */
import type { ViewBundle } from '../define/definitions.js'
import { assert } from '../errors.js'
import { parseDuration } from '../time/duration.js'
import { sqlType, storedSqlType, storedType, toStored } from './column-types.js'
import { replacedFromColumn } from './event-ids.js'
import { addLayers, columnsIn } from './layers.js'
import { createdColumn, eventColumn, rowOrder } from './row-order.js'
import {
  all,
  cases,
  cast,
  column,
  type Expression,
  literal,
  type NamedExpression,
  operation,
  type Relation,
  type SqlType,
  select,
  unionAll,
} from './sql-algebra.js'
import { rankColumn } from './tile-order.js'
import {
  bucketColumn,
  innerColumn,
  layersTogether,
  partColumn,
  partColumns,
  type TilePart,
  tileParts,
  tileStates,
} from './tile-parts.js'

export const tileColumn = '__tile'
export const spanColumn = '__span'
export const knownColumn = '__known'
export const untilColumn = '__until'
export const tilePlace = [tileColumn, spanColumn, knownColumn, untilColumn] as const

const int64: SqlType = { kind: 'int64' }

export function tileNs(bundle: ViewBundle): bigint {
  assert(bundle.view.tile !== null, 'a window view has a tile')
  return parseDuration(bundle.view.tile)
}

/** `rows`: the kept rows of one interval. Tombstones (R18) are no events and are left out. */
export function tileRows(bundle: ViewBundle, rows: Relation): Relation {
  const { entity, source, view } = bundle
  const keys = view.keyColumns.map(
    ({ key, column: name }, index): NamedExpression => [key, cast(column(name), sqlType(entity.keys[index]!))],
  )
  const isCreated = source.visibility === 'created'
  const counted = all([
    ...(isCreated ? [operation('isNotNull', column(createdColumn))] : []),
    ...(source.tombstone === null
      ? []
      : [operation('not', operation('coalesce', column(source.tombstone), literal(false)))]),
  ])
  const tile = cast(operation('floorDiv', column(eventColumn), literal(tileNs(bundle))), int64)
  const known = isCreated ? operation('greatest', tile, knownTile(bundle, column(createdColumn))) : tile
  const until =
    isCreated && source.eventId !== null ? knownTile(bundle, column(replacedFromColumn)) : cast(literal(null), int64)
  const places: readonly NamedExpression[] = [
    [tileColumn, tile],
    [spanColumn, cast(literal(1n), int64)],
    [knownColumn, known],
    [untilColumn, until],
  ]
  const parts = tileParts(bundle)
  const placed = select(
    rows,
    [
      ...keys.map(([name, value]): NamedExpression => [keyAlias(name), value]),
      ...places,
      ...source.schema.map((declared): NamedExpression => [declared.name, column(declared.name)]),
      [eventColumn, column(eventColumn)],
      [createdColumn, column(createdColumn)],
    ],
    { where: counted },
  )
  // Keys are renamed on the way: a key may have the name of another column of the source.
  const aliases = keys.map(([name]) => keyAlias(name))
  const read = withColumns(bundle, parts, placed, aliases)
  const grouped = parts.map((part) => partRows(bundle, parts, part, read))
  const order = { orderBy: [...keys.map(([name]) => name), ...tilePlace].map(ascending) }
  return grouped.length === 1
    ? select(grouped[0]!, tileColumnTypes(bundle).map(passed), order)
    : select(unionAll(grouped), tileColumnTypes(bundle).map(passed), {
        orderBy: [...order.orderBy, ...partColumns(parts).map(([name]) => ascending(name))],
      })
}

const ascending = (name: string) => ({ by: column(name), descending: false })
const passed = ([name]: readonly [string, ...unknown[]]): NamedExpression => [name, column(name)]

/** Beside the rows' own columns those that operations work out of them. */
function withColumns(
  bundle: ViewBundle,
  parts: readonly TilePart[],
  placed: Relation,
  aliases: readonly string[],
): Relation {
  const { schema } = bundle.source
  const plans = parts.flatMap(({ features }) => features.map(({ plan }) => plan))
  const rank: NamedExpression = [
    rankColumn,
    {
      is: 'rowNumber',
      partitionBy: [...aliases, ...tilePlace].map((name) => column(name)),
      orderBy: rowOrder(schema, false),
    },
  ]
  const layers = layersTogether([
    ...(plans.some((plan) => plan.isRanked) ? [[[rank]]] : []),
    ...plans.map((plan) => plan.ofRows ?? []),
  ])
  const names = [...aliases, ...tilePlace, ...schema.map(({ name }) => name), eventColumn, createdColumn]
  const accumulated = parts.flatMap(({ states, inner }) => [
    ...states.map(({ accumulate }) => accumulate),
    ...(inner === null ? [] : [inner.of]),
  ])
  const buckets = parts.flatMap(({ by }) => (by === null ? [] : [by.name]))
  const wanted = new Set([...aliases, ...tilePlace, ...buckets, ...columnsIn(...accumulated)])
  return addLayers(placed, names, layers, wanted)
}

/** The rows of one part; what other parts keep is null there. */
function partRows(bundle: ViewBundle, parts: readonly TilePart[], part: TilePart, rows: Relation): Relation {
  const { entity, view } = bundle
  const groups = new Map<string, Expression>([
    ...(part.by === null ? [] : [[bucketColumn(part.by.name), column(part.by.name)] as const]),
    ...(part.inner === null ? [] : [[innerColumn(part.inner.name), part.inner.of] as const]),
  ])
  const states = new Map(part.states.map((state) => [state.name, toStored(state.accumulate, state.type)]))
  const keys = view.keyColumns.map(({ key }) => key)
  return select(
    rows,
    [
      ...keys.map(
        (key, index): NamedExpression => [key, toStored(column(keyAlias(key)), sqlType(entity.keys[index]!))],
      ),
      ...tilePlace.map((name): NamedExpression => [name, column(name)]),
      ...partColumns(parts).map(([name, type]): NamedExpression => {
        const value = name === partColumn ? literal(part.number) : (groups.get(name) ?? literal(null))
        return [name, cast(value, type)]
      }),
      ...tileStates(parts).map((state): NamedExpression => {
        const accumulated = states.get(state.name)
        return [state.name, accumulated ?? cast(literal(null), storedType(state.type))]
      }),
    ],
    {
      where: all([livesAtAll, ...[...groups.values()].map((group) => operation('isNotNull', group))]),
      groupBy: [...[...keys.map(keyAlias), ...tilePlace].map((name) => column(name)), ...groups.values()],
    },
  )
}

/** A row replaced in the very span in which it became known counts at no T. */
export const livesAtAll: Expression = operation(
  'coalesce',
  operation('<', column(knownColumn), column(untilColumn)),
  literal(true),
)

const keyAlias = (name: string): string => `__key ${name}`

/** The tile span `(k·d, (k+1)·d]` in which an instant lies: what was created at T itself is known at T (R16). Null stays null. */
function knownTile(bundle: ViewBundle, created: Expression): Expression {
  const before = operation('-', created, literal(1n))
  return cases([[operation('isNotNull', created), cast(operation('floorDiv', before, literal(tileNs(bundle))), int64)]])
}

/** The columns of a tile file, as it holds them. */
export function tileColumnTypes(bundle: ViewBundle): (readonly [string, SqlType])[] {
  const parts = tileParts(bundle)
  return [
    ...bundle.view.keyColumns.map(({ key }, index) => [key, storedSqlType(bundle.entity.keys[index]!)] as const),
    ...tilePlace.map((name) => [name, { kind: 'int64' }] as const),
    ...partColumns(parts),
    ...tileStates(parts).map((state) => [state.name, storedType(state.type)] as const),
  ]
}
