/** A coarser tile, merged from finer ones (R9): it stands for them in every window that holds its whole span. */
import type { ViewBundle } from '../define/definitions.js'
import type { Interval } from '../time/interval.js'
import { sqlType, toStored } from './column-types.js'
import type { CommittedFile } from './committed-files.js'
import { printQuery } from './print-duckdb.js'
import {
  all,
  cast,
  column,
  literal,
  type NamedExpression,
  operation,
  type SqlQuery,
  type SqlType,
  select,
} from './sql-algebra.js'
import { partColumns, tileParts, tileStates } from './tile-parts.js'
import { knownColumn, livesAtAll, spanColumn, tileColumn, tilePlace } from './tile-rows.js'
import { coarseSpan, passedTile, readTiles } from './window-values.js'

export interface CoarseTileInput {
  readonly bundle: ViewBundle
  /** Tile files that together hold the span's tiles once: fine ones, and shorter coarse ones. */
  readonly tiles: readonly CommittedFile[]
  readonly span: Interval
}

/**
 * The SELECT of a coarse tile's file; its columns are those of a fine one (tile-rows.ts). No window uses it before the span is over, so
 * all that was known by then becomes one part; what became known later keeps its own.
 */
export function buildCoarseTile(input: CoarseTileInput): SqlQuery {
  const { bundle } = input
  const int64: SqlType = { kind: 'int64' }
  const { first, length } = coarseSpan(bundle, input.span)
  const keys = bundle.view.keyColumns.map(({ key }) => key)
  const lastTile = literal(first + length - 1n)
  const place: Readonly<Record<string, NamedExpression>> = {
    [tileColumn]: [tileColumn, cast(literal(first), int64)],
    [spanColumn]: [spanColumn, cast(literal(length), int64)],
    [knownColumn]: [knownColumn, cast(operation('greatest', column(knownColumn), lastTile), int64)],
  }
  const inSpan = select(readTiles(bundle, input.tiles), passedTile(bundle), {
    where: all([
      operation('>=', column(tileColumn), literal(first)),
      operation('<=', operation('+', column(tileColumn), column(spanColumn)), literal(first + length)),
    ]),
  })
  const placed = select(
    inSpan,
    passedTile(bundle).map(([name, value]): NamedExpression => place[name] ?? [name, value]),
  )
  const parts = tileParts(bundle)
  const group = [...keys, ...tilePlace, ...partColumns(parts).map(([name]) => name)]
  return printQuery(
    select(
      placed,
      [
        ...keys.map((key, index): NamedExpression => [key, toStored(column(key), sqlType(bundle.entity.keys[index]!))]),
        ...group.slice(keys.length).map((name): NamedExpression => [name, column(name)]),
        ...tileStates(parts).map(
          (state): NamedExpression => [state.name, toStored(state.merge(column(state.name), null), state.type)],
        ),
      ],
      {
        where: livesAtAll,
        groupBy: group.map((name) => column(name)),
        orderBy: group.map((name) => ({ by: column(name), descending: false })),
      },
    ),
  )
}
