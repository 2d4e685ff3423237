import { parseDuration } from '../time/duration.js'
import { fromStored } from './column-types.js'
import { committedColumns, committedRows, isDeleted, lookupColumns } from './committed-rows.js'
import { printCreate, printDrop } from './print-duckdb.js'
import { createdColumn, deliveryOrder, eventColumn, rowOrder } from './row-order.js'
import {
  aggregate,
  all,
  any,
  cases,
  column,
  type Expression,
  join,
  literal,
  type NamedExpression,
  operation,
  type Relation,
  select,
  table,
} from './sql-algebra.js'
import {
  type Answers,
  type Asked,
  comparedKeys,
  featureName,
  keyName,
  keyNames,
  ofAskedKeys,
  sameKeys,
} from './training-asked.js'
import { eventAnswers } from './training-lookup-event.js'
import type { TrainingViewPlan } from './training-set-plan.js'

const seenColumn = '__seen_ns'
const rankColumn = '__rank'
const untilColumn = '__until_ns'
const deletedColumn = '__is_deleted'

export function lookupAnswers(view: TrainingViewPlan, asked: Asked): Answers {
  const { source } = view.bundle
  if (source.visibility === 'event') return eventAnswers(view, asked)
  return source.eventId === null ? answerByKnown(view, asked) : answerByComparing(view, asked)
}

/** `key0` …, event and created time, features, `__is_deleted`, declared columns. */
function sourceOf(view: TrainingViewPlan, asked: Asked, rows: Relation): Relation {
  const { bundle } = view
  return select(rows, [
    ...comparedKeys(bundle, asked),
    [eventColumn, column(eventColumn)],
    [createdColumn, column(createdColumn)],
    [deletedColumn, isDeleted(bundle)],
    ...lookupColumns(bundle).map(({ name, value }): NamedExpression => [featureName(name), value]),
    ...bundle.source.schema.map((declared): NamedExpression => [declared.name, column(declared.name)]),
  ])
}

function passed(view: TrainingViewPlan, asked: Asked): NamedExpression[] {
  return [...answerColumns(view, asked), createdColumn, ...view.bundle.source.schema.map(({ name }) => name)].map(
    (name) => [name, column(name)],
  )
}

function answerColumns(view: TrainingViewPlan, asked: Asked): string[] {
  return [
    ...keyNames(asked),
    eventColumn,
    deletedColumn,
    ...view.bundle.view.features.map(({ name }) => featureName(name)),
  ]
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
    [...keyNames(asked), seenColumn, rankColumn].map((name): NamedExpression => [name, column(name)]),
    { distinct: true },
  )
  const on = all([...sameKeys(asked, 'step'), operation('>=', column('__t', 'spine'), column(seenColumn, 'step'))])
  const ranks = select(join('asofLeft', [table(asked.spine), 'spine'], [steps, 'step'], on), [
    ['__row', column('__row', 'spine')],
    [rankColumn, column(rankColumn, 'step')],
  ])
  return {
    before: [printCreate('table', rows, rankedRows(view, asked, []))],
    after: [printDrop('table', rows)],
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
  const on = all([...sameKeys(asked, 'row'), operation('=', column(rankColumn, 'spine'), column(rankColumn, 'row'))])
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
    ...sameKeys(asked, 'row'),
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
  return {
    before: [printCreate('table', rows, ranked)],
    after: [printDrop('table', rows)],
    answers: answerByRank(view, asked, ranks, rows),
  }
}
