/**
 * Windows from tiles (R7, R8, R9): a window of length w at T is [T - w, T), so at T = m·d it holds the tiles from m - w/d to m - 1:
 *
 *     tiles   5     6     7     8     9              T = 9·d, w = 3·d: tiles 6, 7, 8
 *           ──┼─────┼─────┼─────┼─────┼──            an event at T itself lies in tile 9: not in it
 *                   [─────── w ──────)T
 *
 * A coarse row stands for all fine tiles of its span, in the windows that hold the whole span, and only there; the fine rows of the
 * span count in the other windows. So no event counts twice, whichever coarse files there are.
 */
import type { ViewBundle, WindowFeature } from '../define/definitions.js'
import { assert } from '../errors.js'
import { parseDuration } from '../time/duration.js'
import { floorDiv, type Instant } from '../time/instant.js'
import type { Interval } from '../time/interval.js'
import { fromStored, sqlType } from './column-types.js'
import { type CommittedFile, groupFiles } from './committed-files.js'
import { mergedFeatures } from './merged-features.js'
import { printQuery } from './print-duckdb.js'
import {
  all,
  any,
  cast,
  column,
  type Expression,
  join,
  literal,
  type NamedExpression,
  operation,
  parquet,
  type Relation,
  type SqlQuery,
  type SqlType,
  select,
  table,
  unionAll,
  values,
} from './sql-algebra.js'
import { partColumns, tileParts, tileStates, windowFeatures } from './tile-parts.js'
import { knownColumn, spanColumn, tileColumn, tileColumnTypes, tileNs, untilColumn } from './tile-rows.js'

export interface CoarseFile {
  /** URI; null: nothing happened in the span. */
  readonly file: string | null
  /** As long as one of the view's coarse tiles, aligned to 1970. */
  readonly span: Interval
}

export interface WindowValuesInput {
  readonly bundle: ViewBundle
  /** Windows are answered at the last tile edge at or before it (R9). */
  readonly endNs: Instant
  /** The committed tile files; `chooseTileFiles` leaves out those that are not needed. */
  readonly tiles: readonly CommittedFile[]
  /** Coarse files that may be used; in a window that holds several over one another, the longest stands for the others. */
  readonly coarse: readonly CoarseFile[]
  /** A relation with the key columns: only these keys are answered. */
  readonly keysFrom?: string
}

/** One row per key with a tile in reach of a window: the key's columns and the features. A key without one reads as R8 says. */
export function buildWindowValues(input: WindowValuesInput): SqlQuery {
  return printQuery(windowValues(input))
}

export function windowValues(input: WindowValuesInput): Relation {
  const { bundle } = input
  const end = floorDiv(input.endNs, tileNs(bundle))
  const windows = windowLengths(bundle)
  const spans = input.coarse.map(({ span }) => coarseSpan(bundle, span))
  const files = [...input.tiles, ...input.coarse.flatMap((entry) => (entry.file === null ? [] : [entry.file]))]
  if (files.length === 0) return noAnswers(bundle)
  const flags = windows.map(
    (length, index): NamedExpression => [windowFlag(index), isInWindow(windowTiles(bundle, length, end), spans)],
  )
  const passed = [
    ...passedTile(bundle),
    ...windows.map((_, index): NamedExpression => [windowFlag(index), column(windowFlag(index))]),
  ]
  const rows = select(readTiles(bundle, files), [...passedTile(bundle), ...flags], { where: isCountedAt(literal(end)) })
  const inReach = select(rows, passed, { where: any(windows.map((_, index) => column(windowFlag(index)))) })
  const keys = bundle.view.keyColumns.map(({ key }) => key)
  const wanted = input.keysFrom === undefined ? inReach : onlyKeys(bundle, inReach, input.keysFrom, passed)
  const answers = mergedFeatures(bundle, wanted, keys, (feature) => column(windowFlag(windows.indexOf(feature.over))))
  return select(answers, [
    ...keys.map((key, part): NamedExpression => [key, fromStored(column(key), bundle.entity.keys[part]!)]),
    ...windowFeatures(bundle).map(({ name }): NamedExpression => [name, column(name)]),
  ])
}

export interface WindowValuesAtInput extends Pick<WindowValuesInput, 'bundle' | 'tiles' | 'keysFrom'> {
  /** Ends of tiles, oldest first, at least one. */
  readonly ends: readonly Instant[]
}

/** Of `windowValuesAt`: the end that a row is of, an instant. */
export const endColumn = '__end_ns'
const endTileColumn = '__end_tile'

/**
 * As `windowValues` at each of the ends, from one reading of the tiles, with `__end_ns`: a query of its own for each end names all files once more, and
 * is planned once more.
 */
export function windowValuesAt({ bundle, tiles, ends, keysFrom }: WindowValuesAtInput): Relation {
  const { view, entity } = bundle
  if (tiles.length === 0) return noAnswers(bundle, [[endColumn, { kind: 'instant' }]])
  const numbers = ends.map((end) => floorDiv(end, tileNs(bundle)))
  const windows = windowLengths(bundle)
  const reaches = windows.map((length) => windowTiles(bundle, length, 0n).from)
  const [end, first] = [column(endTileColumn, 'end'), column(tileColumn, 'tile')]
  const isSince = (from: bigint | null, tile: Expression, at: Expression): Expression =>
    from === null ? literal(true) : operation('>=', tile, operation('+', at, literal(from)))
  // Numbers, so that the files' own statistics leave out what no end reaches.
  const inReach = select(readTiles(bundle, tiles), passedTile(bundle), {
    where: all([
      operation('<', column(tileColumn), literal(numbers.at(-1)!)),
      any(reaches.map((from) => isSince(from, column(tileColumn), literal(numbers[0]!)))),
    ]),
  })
  const wanted = keysFrom === undefined ? inReach : onlyKeys(bundle, inReach, keysFrom, passedTile(bundle))
  const flags = reaches.map((from) => isSince(from, first, end))
  const on = all([
    operation('<=', operation('+', first, column(spanColumn, 'tile')), end),
    operation('<', column(knownColumn, 'tile'), end),
    operation('coalesce', operation('<=', end, column(untilColumn, 'tile')), literal(true)),
    any(flags),
  ])
  const endTiles = values(
    [[endTileColumn, { kind: 'int64' }]],
    numbers.map((number) => [literal(number)]),
  )
  const keys = view.keyColumns.map(({ key }) => key)
  const parts = tileParts(bundle)
  const kept = [...keys, ...partColumns(parts).map(([name]) => name), ...tileStates(parts).map(({ name }) => name)]
  const joined = select(join('inner', [endTiles, 'end'], [wanted, 'tile'], on), [
    [endTileColumn, end],
    ...kept.map((name): NamedExpression => [name, column(name, 'tile')]),
    ...flags.map((flag, index): NamedExpression => [windowFlag(index), flag]),
  ])
  const flagOf = ({ over }: WindowFeature): Expression => column(windowFlag(windows.indexOf(over)))
  const merged = mergedFeatures(bundle, joined, [...keys, endTileColumn], flagOf)
  const endNs = operation('*', cast(column(endTileColumn), { kind: 'instant' }), literal(tileNs(bundle)))
  return select(merged, [
    ...keys.map((key, part): NamedExpression => [key, fromStored(column(key), entity.keys[part]!)]),
    ...windowFeatures(bundle).map(({ name }): NamedExpression => [name, column(name)]),
    [endColumn, endNs],
  ])
}

/** As the answers of no tiles would be, whose planning costs as much as that of many. */
function noAnswers({ entity, view }: ViewBundle, more: readonly (readonly [string, SqlType])[] = []): Relation {
  const keys = view.keyColumns.map(({ key }, part) => [key, sqlType(entity.keys[part]!)] as const)
  const features = view.features.map(({ name, type }) => [name, sqlType(type)] as const)
  return { is: 'values', columns: [...keys, ...features, ...more], rows: [] }
}

/** The distinct window lengths of a view, in the order of its features. */
export function windowLengths(bundle: ViewBundle): string[] {
  return [...new Set(windowFeatures(bundle).map((feature) => feature.over))]
}

const windowFlag = (index: number): string => `__in_window${index}`

/** Numbers of tiles: from `from` (null: no start) up to, not including, `to`. */
export interface TileRange {
  readonly from: bigint | null
  readonly to: bigint
}

/** R7, in tiles: the window before tile number `end`. */
export function windowTiles(bundle: ViewBundle, length: string, end: bigint): TileRange {
  return { from: length === 'lifetime' ? null : end - parseDuration(length) / tileNs(bundle), to: end }
}

/** Lengths of the view's coarse tiles, in tiles, the shortest first; each divides the next. */
export function coarseLengths(bundle: ViewBundle): bigint[] {
  const { coarseTile } = bundle.view
  const durations = coarseTile === null ? [] : typeof coarseTile === 'string' ? [coarseTile] : coarseTile
  return durations.map((duration) => parseDuration(duration) / tileNs(bundle))
}

/** A coarse span in tiles since 1970: `length` of them from a multiple of `length` on. */
export interface TileSpan {
  readonly first: bigint
  readonly length: bigint
}

/** Null: the view has no coarse tiles of this length (any more). */
export function tileSpan(bundle: ViewBundle, span: Interval): TileSpan | null {
  const length = (span.end - span.start) / tileNs(bundle)
  const first = floorDiv(span.start, tileNs(bundle))
  return coarseLengths(bundle).includes(length) && first % length === 0n ? { first, length } : null
}

export function coarseSpan(bundle: ViewBundle, span: Interval): TileSpan {
  const found = tileSpan(bundle, span)
  assert(found, 'a coarse span is one of the coarse tiles')
  return found
}

/** Whether a window holds the whole of a coarse span. */
export function holdsSpan(range: TileRange, { first, length }: TileSpan): boolean {
  return (range.from === null || range.from <= first) && first + length <= range.to
}

/** A row is in a window when all its tiles are, and no longer row stands for it there. */
function isInWindow(range: TileRange, spans: readonly TileSpan[]): Expression {
  const first = column(tileColumn)
  const after = operation('+', first, column(spanColumn))
  const inside = [
    ...(range.from === null ? [] : [operation('>=', first, literal(range.from))]),
    operation('<=', after, literal(range.to)),
  ]
  const used = spans.filter((span) => holdsSpan(range, span))
  const lengths = [...new Set(used.map(({ length }) => length))]
  const own = lengths.map((length) => {
    const indexes = used.filter((span) => span.length === length).map((span) => literal(span.first / length))
    const isStoodFor = operation('in', operation('floorDiv', first, literal(length)), ...indexes)
    return any([operation('>=', column(spanColumn), literal(length)), operation('not', isStoodFor)])
  })
  return all([...inside, ...own])
}

/** Tile files as rows. No files: no rows. */
export function readTiles(bundle: ViewBundle, files: readonly CommittedFile[]): Relation {
  const columns = tileColumnTypes(bundle)
  if (files.length === 0) return { is: 'values', columns: [...columns], rows: [] }
  const passed = columns.map(([name]): NamedExpression => [name, column(name)])
  const first = column(tileColumn)
  const parts = groupFiles(files).map(({ uris, within }) => {
    // Of committed files, whose tiles are the finest: each lies in one interval, which begins and ends with a tile.
    const isWithin = ({ start, end }: Interval): Expression =>
      all([
        operation('>=', first, literal(floorDiv(start, tileNs(bundle)))),
        operation('<', first, literal(floorDiv(end, tileNs(bundle)))),
      ])
    return select(parquet(uris), passed, within === null ? {} : { where: any(within.map(isWithin)) })
  })
  return unionAll(parts)
}

export const passedTile = (bundle: ViewBundle): NamedExpression[] =>
  tileColumnTypes(bundle).map(([name]) => [name, column(name)])

/** R16: what became known by T = m·d and was not replaced by then (tile-rows.ts). */
export function isCountedAt(tile: Expression): Expression {
  return all([
    operation('<', column(knownColumn), tile),
    operation('coalesce', operation('<=', tile, column(untilColumn)), literal(true)),
  ])
}

function onlyKeys(bundle: ViewBundle, rows: Relation, keysFrom: string, passed: readonly NamedExpression[]): Relation {
  return select(
    join(
      'semi',
      [rows, 'tiles'],
      [table(keysFrom), 'wanted'],
      all(bundle.view.keyColumns.map(({ key }) => operation('=', column(key, 'tiles'), column(key, 'wanted')))),
    ),
    passed,
  )
}
