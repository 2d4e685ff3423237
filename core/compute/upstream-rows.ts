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
import { parseDuration } from '../time/duration.js'
import type { Instant } from '../time/instant.js'
import type { Interval } from '../time/interval.js'
import { sqlType } from './column-types.js'
import type { CommittedFile } from './committed-files.js'
import { committedColumns, committedRows, isDeleted, keyAlias, lookupColumns } from './committed-rows.js'
import { intervalStart } from './interval-start.js'
import { answerOfNothing } from './merged-features.js'
import { createdColumn, eventColumn, rowOrder } from './row-order.js'
import { fileColumn, fileRowColumn, isAmbiguousColumn, isSkippedColumn } from './source-rows.js'
import {
  all,
  cast,
  column,
  type Expression,
  join,
  literal,
  type NamedExpression,
  operation,
  type Relation,
  select,
  unionAll,
  values,
} from './sql-algebra.js'
import { windowFeatures } from './tile-parts.js'
import { endColumn, windowValuesAt } from './window-values.js'

/**
 * Committed files, and the features that they answer: others are left out of their commits (R35). Of a lookup view parts are of different commits,
 * and what one lacks is null in its rows; of a window view each is of all commits that have its features, and the first says which keys there are.
 */
export interface UpstreamPart {
  readonly files: readonly CommittedFile[]
  readonly features: readonly string[]
}

/** Which committed files give the rows of an interval. */
export interface UpstreamRead {
  readonly parts: readonly UpstreamPart[]
  /** Whose rows are asked for; a lookup view gives all that its files have. */
  readonly interval: Interval
  /** A relation with the view's key columns, as its files hold them: only rows of these keys. Absent: of all. */
  readonly keysFrom?: string
}

/**
 * Columns: the declared ones, `__is_ambiguous` and `__is_skipped`.
 * @param isLocated with `__file` (the start of the interval of the commit that a row is of, in nanoseconds, as text: `commitPlace`) and
 * `__file_row` (0), too
 */
export function upstreamRows(source: SourceDefinition, read: UpstreamRead, isLocated: boolean): Relation {
  const { parts, interval, keysFrom } = read
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
    const start = intervalStart(upstream.view, roles.get(source.eventTime)!)
    const rowsOf = (part: UpstreamPart): Relation =>
      select(seenRows(bundle, part.files, keysFrom), [
        ...asDeclared(source, (name) => {
          const feature = features.get(name)
          const own = feature && !part.features.includes(name) ? literal(null) : feature
          return roles.get(name) ?? own ?? keys.get(name)!
        }),
        ...(isLocated ? placeOf(cast(start, { kind: 'string' })) : []),
      ])
    return parts.length === 0 ? rowsOf({ files: [], features: [] }) : unionAll(parts.map(rowsOf))
  }
  const ends = upstreamEnds(upstream, interval)
  if (ends.length === 0)
    return values(
      [
        ...typesOf(source),
        ...flags.map((name) => [name, { kind: 'boolean' }] as const),
        ...(isLocated
          ? ([
              [fileColumn, { kind: 'string' }],
              [fileRowColumn, { kind: 'int64' }],
            ] as const)
          : []),
      ],
      [],
    )
  const every = literal(parseDuration(upstream.view.every))
  const end = column(endColumn)
  const together = Array.from({ length: Math.ceil(ends.length / endsAtOnce) }, (_, at) =>
    ends.slice(at * endsAtOnce, (at + 1) * endsAtOnce),
  )
  return unionAll(
    together.map((some) =>
      select(windowsOfParts(bundle, read, some), [
        ...asDeclared(source, (name) => (name === source.eventTime ? end : column(name))),
        ...(isLocated ? placeOf(cast(operation('-', end, every), { kind: 'string' })) : []),
      ]),
    ),
  )
}

/** What is merged at once grows with them: a row of each key for each end. */
const endsAtOnce = 64

/** As `__file` has the commit of the interval that starts then. */
export function commitPlace(start: Instant): string {
  return String(start)
}

const placeOf = (file: Expression): NamedExpression[] => [
  [fileColumn, file],
  [fileRowColumn, cast(literal(0n), { kind: 'int64' })],
]

/** With `__end_ns`. */
function windowsOfParts(bundle: ViewBundle, { parts, keysFrom }: UpstreamRead, ends: readonly Instant[]): Relation {
  const answers = (tiles: readonly CommittedFile[]) =>
    windowValuesAt({ bundle, ends, tiles, ...(keysFrom === undefined ? {} : { keysFrom }) })
  const [first, ...others] = parts
  if (others.length === 0) return answers(first?.files ?? [])
  const keys = [...bundle.view.keyColumns.map(({ key }) => key), endColumn]
  const partOf = (name: string): number =>
    Math.max(
      0,
      parts.findIndex(({ features }) => features.includes(name)),
    )
  const joined = others.reduce<Relation>((left, part, index) => {
    const alias = `part${index + 1}`
    const on = keys.map((key) => operation('=', column(key, 'part0'), column(key, alias)))
    return join('left', [left, index === 0 ? 'part0' : ''], [answers(part.files), alias], all(on))
  }, answers(first!.files))
  return select(joined, [
    ...keys.map((key): NamedExpression => [key, column(key, 'part0')]),
    ...windowFeatures(bundle).map((feature): NamedExpression => {
      const [value, nothing] = [column(feature.name, `part${partOf(feature.name)}`), answerOfNothing(feature)]
      return [feature.name, nothing === null ? value : operation('coalesce', value, literal(nothing))]
    }),
  ])
}

/** Whether a compaction has been there must make no difference (docs/compaction.md). */
function seenRows(bundle: ViewBundle, files: readonly CommittedFile[], keysFrom: string | undefined): Relation {
  const rows = committedRows(bundle, files, keysFrom === undefined ? {} : { keysFrom })
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
