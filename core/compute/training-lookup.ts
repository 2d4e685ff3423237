/**
 * Lookups for a spine (R1, R2, R3, R16, R18, R19): for each row the newest source row that is seen at its time.
 *
 * `event` visibility: an as-of join on the event time, ties resolved before. `created` visibility: a row is seen from the later of
 * event and created time on, but the newest seen is not the one seen last:
 *
 *     known at   1     2     3     4           the as-of join is on the time known,
 *     event      5 →   9     7     8           and each row stands for the newest of those known by then:
 *     newest     5     9     9     9           one pass in the order of that time
 *
 * With event ids under `created` visibility rows also end, when their successor becomes known: there each spine row is compared with
 * every row of its key.
 */
import type { ColumnType } from '../define/definitions.js'
import { parseDuration } from '../time/duration.js'
import { fromStored, storedSqlType } from './column-types.js'
import type { CommittedFile } from './committed-files.js'
import { committedColumns, committedRows, countedRows, isDeleted, keyAlias, lookupColumns } from './committed-rows.js'
import { printCreate } from './print-duckdb.js'
import { createdColumn, deliveryOrder, eventColumn, rowOrder } from './row-order.js'
import {
  aggregate,
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
  type Relation,
  type SqlQuery,
  select,
  table,
} from './sql-algebra.js'
import type { TrainingViewPlan } from './training-set-plan.js'

export interface Asked {
  /** Table of the spine: `__row`, `__t`, `__key<view>_<part>`. */
  readonly spine: string
  readonly prefix: string
  readonly view: number
  /** Types in which keys are compared. */
  readonly keys: readonly ColumnType[]
  readonly files: readonly CommittedFile[]
}

export interface Answers {
  readonly before: readonly SqlQuery[]
  /** Columns `__row` and the features by name; rows without an answer may be missing. */
  readonly answers: Relation
}

const seenColumn = '__seen_ns'
const rankColumn = '__rank'
const untilColumn = '__until_ns'
const deletedColumn = '__is_deleted'

export function lookupAnswers(view: TrainingViewPlan, asked: Asked): Answers {
  const { source } = view.bundle
  if (source.visibility === 'event') return answerByEvent(view, asked)
  return source.eventId === null ? answerByKnown(view, asked) : answerByComparing(view, asked)
}

/** `key0` …, event and created time, features, `__is_deleted`, declared columns. */
function sourceOf(view: TrainingViewPlan, asked: Asked, rows: Relation): Relation {
  const { bundle } = view
  return select(rows, [
    ...bundle.view.keyColumns.map(
      ({ key }, part): NamedExpression => [
        keyName(part),
        cast(column(keyAlias(key)), storedSqlType(asked.keys[part]!)),
      ],
    ),
    [eventColumn, column(eventColumn)],
    [createdColumn, column(createdColumn)],
    [deletedColumn, isDeleted(bundle)],
    ...lookupColumns(bundle).map(({ name, value }): NamedExpression => [featureName(name), value]),
    ...bundle.source.schema.map((declared): NamedExpression => [declared.name, column(declared.name)]),
  ])
}

/** Only the rows of keys that the spine asks for. */
function ofAskedKeys(asked: Asked, rows: Relation, columns: readonly NamedExpression[]): Relation {
  const wanted = select(
    table(asked.spine),
    asked.keys.map((_, part): NamedExpression => [keyName(part), column(`__key${asked.view}_${part}`)]),
    { distinct: true },
  )
  const isSame = all(
    asked.keys.map((_, part) => operation('=', column(keyName(part), 'rows'), column(keyName(part), 'wanted'))),
  )
  return select(join('semi', [rows, 'rows'], [wanted, 'wanted'], isSame), columns)
}

const keyName = (part: number): string => `__key${part}`
const featureName = (name: string): string => `__feature ${name}`

function passed(view: TrainingViewPlan, asked: Asked): NamedExpression[] {
  return [...answerColumns(view, asked), createdColumn, ...view.bundle.source.schema.map(({ name }) => name)].map(
    (name) => [name, column(name)],
  )
}

function answerColumns(view: TrainingViewPlan, asked: Asked): string[] {
  return [
    ...asked.keys.map((_, part) => keyName(part)),
    eventColumn,
    deletedColumn,
    ...view.bundle.view.features.map(({ name }) => featureName(name)),
  ]
}

function askedKeys(asked: Asked, right: string): Expression[] {
  return asked.keys.map((_, part) =>
    operation('=', column(`__key${asked.view}_${part}`, 'spine'), column(keyName(part), right)),
  )
}

const keysOf = (asked: Asked): Expression[] => asked.keys.map((_, part) => column(keyName(part)))

/** `found` is the alias of the newest row seen, null columns where there is none: ttl and tombstone are looked at after the join. */
function answer(view: TrainingViewPlan, found: string): NamedExpression[] {
  const { ttl } = view.bundle.view
  const age = operation('-', column('__t', 'spine'), column(eventColumn, found))
  const isHidden = any([
    column(deletedColumn, found),
    ...(ttl === null ? [] : [operation('>', age, literal(parseDuration(ttl)))]),
  ])
  return [
    ['__row', column('__row', 'spine')],
    ...view.bundle.view.features.map(
      ({ name, type }): NamedExpression => [
        name,
        cases([[isHidden, literal(null)]], fromStored(column(featureName(name), found), type)),
      ],
    ),
  ]
}

/**
 * First the as-of join, on keys and times alone: which of several tied rows it meets does not matter, the time is the same. Then the
 * rows of those times, ties settled among them: whole rows are ordered only where a spine row looks.
 */
function answerByEvent(view: TrainingViewPlan, asked: Asked): Answers {
  const { bundle } = view
  const rows = sourceOf(view, asked, countedRows(bundle, committedRows(bundle, asked.files)))
  const times = ofAskedKeys(asked, rows, place(asked))
  const seen = operation('>=', column('__t', 'spine'), column(eventColumn, 'row'))
  const found = select(
    join('asofLeft', [table(asked.spine), 'spine'], [times, 'row'], all([...askedKeys(asked, 'row'), seen])),
    [
      ['__row', column('__row', 'spine')],
      ['__t', column('__t', 'spine')],
      ...place(asked).map(([name]): NamedExpression => [name, column(name, 'row')]),
    ],
    { where: operation('isNotNull', column(eventColumn, 'row')) },
  )
  const foundTable = `${asked.prefix}_found`
  const samePlace = (left: string): Expression =>
    all(place(asked).map(([name]) => operation('=', column(name, left), column(name, 'row'))))
  const wanted = select(table(foundTable), place(asked), { distinct: true })
  const candidates = select(join('semi', [rows, 'row'], [wanted, 'wanted'], samePlace('wanted')), passed(view, asked))
  const resolved = select(
    candidates,
    answerColumns(view, asked).map((name): NamedExpression => [name, column(name)]),
    {
      qualify: operation(
        '=',
        {
          is: 'rowNumber',
          partitionBy: place(asked).map(([name]) => column(name)),
          orderBy: rowOrder(bundle.source.schema, true).slice(1),
        },
        literal(1n),
      ),
    },
  )
  return {
    before: [printCreate('table', foundTable, found)],
    answers: select(
      join('inner', [table(foundTable), 'spine'], [resolved, 'row'], samePlace('spine')),
      answer(view, 'row'),
    ),
  }
}

/** A key and a time: what tied rows share. */
function place(asked: Asked): NamedExpression[] {
  return [...asked.keys.map((_, part) => keyName(part)), eventColumn].map((name) => [name, column(name)])
}

/** Rows with `__rank`, their place in R3 among the rows of their key, and `__seen_ns`, from when on they are seen. */
function rankedRows(view: TrainingViewPlan, asked: Asked, more: readonly NamedExpression[]): Relation {
  const rows = sourceOf(
    view,
    asked,
    select(committedRows(view.bundle, asked.files), committedColumns(view.bundle), {
      where: operation('isNotNull', column(createdColumn)),
    }),
  )
  return select(ofAskedKeys(asked, rows, passed(view, asked)), [
    ...answerColumns(view, asked).map((name): NamedExpression => [name, column(name)]),
    [seenColumn, operation('greatest', column(eventColumn), column(createdColumn))],
    [rankColumn, { is: 'rowNumber', partitionBy: keysOf(asked), orderBy: rowOrder(view.bundle.source.schema, false) }],
    ...more,
  ])
}

function answerByKnown(view: TrainingViewPlan, asked: Asked): Answers {
  const rows = `${asked.prefix}_rows`
  const newestKnown: Expression = {
    is: 'running',
    aggregate: 'max',
    operand: column(rankColumn),
    partitionBy: keysOf(asked),
    orderBy: column(seenColumn),
  }
  const steps = select(
    select(table(rows), [
      ...keysOf(asked).map((key, part): NamedExpression => [keyName(part), key]),
      [seenColumn, column(seenColumn)],
      [rankColumn, newestKnown],
    ]),
    [...asked.keys.map((_, part) => keyName(part)), seenColumn, rankColumn].map(
      (name): NamedExpression => [name, column(name)],
    ),
    { distinct: true },
  )
  const on = all([...askedKeys(asked, 'step'), operation('>=', column('__t', 'spine'), column(seenColumn, 'step'))])
  const ranks = select(join('asofLeft', [table(asked.spine), 'spine'], [steps, 'step'], on), [
    ['__row', column('__row', 'spine')],
    [rankColumn, column(rankColumn, 'step')],
  ])
  return {
    before: [printCreate('table', rows, rankedRows(view, asked, []))],
    answers: answerByRank(view, asked, ranks, rows),
  }
}

/** `ranks`: `__row` and the rank of its answer among the rows of its key. */
function answerByRank(view: TrainingViewPlan, asked: Asked, ranks: Relation, rows: string): Relation {
  const chosen = select(
    join(
      'inner',
      [table(asked.spine), 'spine'],
      [ranks, 'rank'],
      operation('=', column('__row', 'spine'), column('__row', 'rank')),
    ),
    [
      ['__row', column('__row', 'spine')],
      ['__t', column('__t', 'spine')],
      ...asked.keys.map(
        (_, part): NamedExpression => [`__key${asked.view}_${part}`, column(`__key${asked.view}_${part}`, 'spine')],
      ),
      [rankColumn, column(rankColumn, 'rank')],
    ],
  )
  const on = all([...askedKeys(asked, 'row'), operation('=', column(rankColumn, 'spine'), column(rankColumn, 'row'))])
  return select(join('inner', [chosen, 'spine'], [table(rows), 'row'], on), answer(view, 'row'))
}

function answerByComparing(view: TrainingViewPlan, asked: Asked): Answers {
  const rows = `${asked.prefix}_rows`
  const eventId = view.bundle.source.eventId!.column
  // The next delivery of the id: from when it is known on, this one no longer counts (R19).
  const until: Expression = {
    is: 'next',
    operand: column(createdColumn),
    partitionBy: [...keysOf(asked), column(eventId)],
    orderBy: deliveryOrder(view.bundle.source.schema, false),
  }
  const ranked = rankedRows(view, asked, [[untilColumn, cases([[operation('isNotNull', column(eventId)), until]])]])
  const t = column('__t', 'spine')
  const on = all([
    ...askedKeys(asked, 'row'),
    operation('<=', column(seenColumn, 'row'), t),
    operation('coalesce', operation('<', t, column(untilColumn, 'row')), literal(true)),
  ])
  const ranks = select(
    join('inner', [table(asked.spine), 'spine'], [table(rows), 'row'], on),
    [
      ['__row', column('__row', 'spine')],
      [rankColumn, aggregate('max', column(rankColumn, 'row'))],
    ],
    { groupBy: [column('__row', 'spine')] },
  )
  return { before: [printCreate('table', rows, ranked)], answers: answerByRank(view, asked, ranks, rows) }
}
