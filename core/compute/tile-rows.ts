/**
 * Tiles: per key and tile span, mergeable partial aggregates (R9). A file of them has the columns
 *
 * - the keys under the entity's names;
 * - `__tile`: number of the first tile of length d since 1970 that the row covers; `__span`: how many it covers (1; more in a coarse file);
 * - `__known`: the row counts at T = m·d from `__known < m` on. Under `event` visibility its last tile; under `created` visibility
 *   the tile span in which its rows became known, where that is later;
 * - `__until`: and until `m <= __until`, when a redelivery of its events became known (R19); null: for ever;
 * - the states of tile-states.ts.
 *
 *       tile 7        tile 8         tile 9
 *     [───a──b──────[──────────────[───────────        d = 1 h; a written down at once, b an hour later
 *      a: __tile 7, __known 7       b: __tile 7, __known 8
 *     at T = 8·d a window holds a; at T = 9·d a and b
 */
import type { ViewBundle } from '../define/definitions.js'
import { assert } from '../errors.js'
import { parseDuration } from '../time/duration.js'
import { sqlType, toStored } from './column-types.js'
import { replacedFromColumn } from './event-ids.js'
import { createdColumn, eventColumn } from './row-order.js'
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
} from './sql-algebra.js'
import { tileStates } from './tile-states.js'

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
  return select(
    placed,
    [
      ...keys.map(
        ([name], index): NamedExpression => [name, toStored(column(keyAlias(name)), sqlType(entity.keys[index]!))],
      ),
      ...tilePlace.map((name): NamedExpression => [name, column(name)]),
      ...tileStates(bundle).map((state): NamedExpression => [state.name, toStored(state.accumulate, state.type)]),
    ],
    {
      where: livesAtAll,
      groupBy: [...aliases, ...tilePlace].map((name) => column(name)),
      orderBy: [...aliases, ...tilePlace].map((name) => ({ by: column(name), descending: false })),
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
