/**
 * What another view has committed, as rows of a source:
 *
 *     lookup view   each committed row, at its own event time; of tied ones that which R3 lets win, where a compaction keeps no other
 *     window view   at the end E of each of its intervals, one row per key with a tile in reach: what it answers at E (R9, R29)
 *
 * An E belongs to the interval that holds it, so that a value is a row exactly once (R21).
 */
import type { SourceDefinition, ViewBundle } from '../define/definitions.js'
import { assert } from '../errors.js'
import { upstreamEnds } from '../source/index.js'
import type { Interval } from '../time/interval.js'
import { sqlType } from './column-types.js'
import type { CommittedFile } from './committed-files.js'
import { committedColumns, committedRows, isDeleted, keyAlias, lookupColumns } from './committed-rows.js'
import { createdColumn, eventColumn, rowOrder } from './row-order.js'
import { isAmbiguousColumn, isSkippedColumn } from './source-rows.js'
import {
  cast,
  column,
  type Expression,
  literal,
  type NamedExpression,
  operation,
  type Relation,
  select,
  unionAll,
  values,
} from './sql-algebra.js'
import { windowValues } from './window-values.js'

/** Columns: the declared ones, `__is_ambiguous` and `__is_skipped`. @param interval whose rows are asked for; a lookup view gives all that its files have */
export function upstreamRows(source: SourceDefinition, files: readonly CommittedFile[], interval: Interval): Relation {
  const { upstream } = source
  assert(upstream, 'the rows are those of a view')
  const bundle = { ...upstream, definitionHash: '' }
  if (upstream.view.viewKind === 'lookup') {
    const features = new Map(lookupColumns(bundle).map(({ name, value, type }) => [name, instantOf(value, type.kind)]))
    const keys = new Map(
      upstream.entity.keys.map(({ name, kind }) => [name, instantOf(column(keyAlias(name)), kind)] as const),
    )
    const roles = new Map<string | null, Expression>([
      [source.tombstone, isDeleted(bundle)],
      [source.createdTime, instantOf(column(createdColumn), 'timestamp')],
      [source.eventTime, instantOf(column(eventColumn), 'timestamp')],
    ])
    return select(
      seenRows(bundle, files),
      asDeclared(source, (name) => roles.get(name) ?? features.get(name) ?? keys.get(name)!),
    )
  }
  const ends = upstreamEnds(upstream, interval)
  if (ends.length === 0)
    return values([...typesOf(source), ...flags.map((name) => [name, { kind: 'boolean' }] as const)], [])
  return unionAll(
    ends.map((endNs) =>
      select(
        windowValues({ bundle, endNs, tiles: files, coarse: [] }),
        asDeclared(source, (name) => (name === source.eventTime ? literal(endNs) : column(name))),
      ),
    ),
  )
}

/** Whether a compaction has been there must make no difference (docs/compaction.md). */
function seenRows(bundle: ViewBundle, files: readonly CommittedFile[]): Relation {
  const rows = committedRows(bundle, files)
  if (bundle.source.visibility === 'created') return rows
  const partitionBy = [...bundle.view.keyColumns.map(({ key }) => keyAlias(key)), eventColumn].map((name) =>
    column(name),
  )
  const newest = { is: 'rowNumber', partitionBy, orderBy: rowOrder(bundle.source.schema, true) } as const
  return select(rows, committedColumns(bundle), { qualify: operation('=', newest, literal(1n)) })
}

const flags = [isAmbiguousColumn, isSkippedColumn]

const typesOf = ({ schema }: SourceDefinition) => schema.map((one) => [one.name, sqlType(one)] as const)

function asDeclared(source: SourceDefinition, readAs: (name: string) => Expression): NamedExpression[] {
  return [
    ...typesOf(source).map(([name, type]): NamedExpression => [name, cast(readAs(name), type)]),
    ...flags.map((name): NamedExpression => [name, literal(false)]),
  ]
}

function instantOf(value: Expression, kind: string): Expression {
  return kind === 'timestamp' ? operation('integerFromDecimal', value) : value
}
