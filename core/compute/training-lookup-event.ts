/** Lookups of `event` visibility for a spine (R1, R2, R3, R18, R19): of each key the newest row at or before each time. */
import type { Column } from '../define/definitions.js'
import { parseDuration } from '../time/duration.js'
import { asOfTime, atColumn } from './as-of-time.js'
import { fromStored } from './column-types.js'
import { type CommittedFile, isOfCompaction } from './committed-files.js'
import { areTiesResolved, committedRows, countedRows, isDeleted, lookupColumns } from './committed-rows.js'
import { printCreate, printDrop, printInsert } from './print-duckdb.js'
import { createdColumn, eventColumn, rowOrder } from './row-order.js'
import {
  aggregate,
  all,
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
  unionAll,
} from './sql-algebra.js'
import {
  type Answers,
  type Asked,
  comparedKeys,
  featureName,
  keyNames,
  ofAskedKeys,
  sameKeys,
} from './training-asked.js'
import { bucketsToJoin, filesOfBucket, type SpinePart, spineParts } from './training-buckets.js'
import type { TrainingViewPlan } from './training-set-plan.js'
import { rowColumn, timeColumn } from './training-spine.js'

const countColumn = '__count'

/**
 * The as-of join moves keys and times alone: which of several tied rows it meets does not matter, the time is the same. Rows of those
 * times are then fetched once, and ties settled where there are any (R3): whole rows are ordered only there. Files of a compaction that
 * has settled them hold one row of each key and time: it is fetched straight into the answers.
 */
export function eventAnswers(view: TrainingViewPlan, asked: Asked): Answers {
  const { bundle } = view
  const time = asOfTime(view, asked)
  const keyed = (files: readonly CommittedFile[], more: readonly NamedExpression[]): Relation =>
    select(countedRows(bundle, committedRows(bundle, files, { eventTime: 'asInFiles' })), [
      ...comparedKeys(bundle, asked),
      [atColumn, time.ofRow(column(eventColumn))],
      ...more,
    ])
  const names = { found: `${asked.prefix}_found`, rows: `${asked.prefix}_rows` }
  const placesIn = (files: readonly CommittedFile[], part: SpinePart): Relation =>
    foundPlaces(view, asked, keyed(files, []), part)
  const buckets = bucketsToJoin(asked.files)
  const times: NamedExpression[] = [
    [rowColumn, column(rowColumn)],
    [atColumn, time.ofSpine(column(timeColumn))],
  ]
  const others = Array.from({ length: buckets - 1 }, (_, at) => at + 1)
  const parts = spineParts(view, asked, times, buckets)
  // A time lies in one interval, so all rows of a key and time lie in files of one kind.
  const settled = areTiesResolved(bundle) ? asked.files.filter(isOfCompaction) : []
  const tied = settled.length === 0 ? asked.files : asked.files.filter((file) => !isOfCompaction(file))
  const isAnyTied = tied.length > 0 || settled.length === 0
  const answersFrom = (rows: Relation): Relation =>
    select(
      join('inner', [table(names.found), 'spine'], [withFeatures(view, asked, rows), 'row'], samePlace(asked, 'spine')),
      [
        [rowColumn, column(rowColumn, 'spine')],
        ...bundle.view.features.map(
          ({ name, type }): NamedExpression => [name, fromStored(column(featureName(name), 'row'), type)],
        ),
      ],
    )
  const tiedRows = rowsOfPlaces(view, asked, keyed(tied, readColumns(view)), names.found)
  return {
    before: [
      ...parts.before,
      printCreate('table', names.found, placesIn(filesOfBucket(asked.files, 0, buckets), parts.of(0))),
      ...others.map((number) =>
        printInsert(names.found, placesIn(filesOfBucket(asked.files, number, buckets), parts.of(number))),
      ),
      ...parts.after,
      ...(isAnyTied ? [printCreate('table', names.rows, tiedRows)] : []),
    ],
    after: [names.found, names.rows].map((name) => printDrop('table', name)),
    answers: unionAll([
      ...(isAnyTied ? [answersFrom(settledRows(view, asked, names.rows))] : []),
      ...(settled.length > 0 ? [answersFrom(keyed(settled, readColumns(view)))] : []),
    ]),
  }
}

/** For each spine row that sees one: `__row` and the place of the newest row at or before it, within the ttl (R1, R2). */
function foundPlaces(view: TrainingViewPlan, asked: Asked, times: Relation, { spine, wanted }: SpinePart): Relation {
  const { ttl } = view.bundle.view
  const on = all([...sameKeys(asked, 'row'), operation('>=', column(atColumn, 'spine'), column(atColumn, 'row'))])
  // Of a row that looks before the view began the time is another (as-of-time.ts), and it finds nothing.
  const age = operation('-', column(atColumn, 'spine'), column(atColumn, 'row'))
  return select(
    join('asofLeft', [spine, 'spine'], [ofAskedKeys(asked, times, place(asked), wanted), 'row'], on),
    [
      [rowColumn, column(rowColumn, 'spine')],
      ...place(asked).map(([name]): NamedExpression => [name, column(name, 'row')]),
    ],
    {
      where: all([
        operation('isNotNull', column(atColumn, 'row')),
        ...(ttl === null ? [] : [operation('<=', age, literal(parseDuration(ttl)))]),
      ]),
    },
  )
}

/** Of each found place all rows, as the file has them: its own columns but those that a place already tells. */
function rowsOfPlaces(view: TrainingViewPlan, asked: Asked, rows: Relation, found: string): Relation {
  const wanted = select(table(found), place(asked), { distinct: true })
  return select(join('semi', [rows, 'row'], [wanted, 'wanted'], samePlace(asked, 'wanted')), [
    ...place(asked),
    ...readColumns(view),
  ])
}

/** One row of each place. */
function settledRows(view: TrainingViewPlan, asked: Asked, rows: string): Relation {
  const columns: NamedExpression[] = [...place(asked), ...readColumns(view)]
  const counted = select(table(rows), [...place(asked), [countColumn, aggregate('count', null)]], {
    groupBy: place(asked).map(([, value]) => value),
  })
  const tied = select(counted, place(asked), { where: operation('>', column(countColumn), literal(1n)) })
  const isTied = samePlace(asked, 'tied')
  const alone = select(join('anti', [table(rows), 'row'], [tied, 'tied'], isTied), columns)
  const winners = select(select(join('semi', [table(rows), 'row'], [tied, 'tied'], isTied), columns), columns, {
    qualify: operation(
      '=',
      {
        is: 'rowNumber',
        partitionBy: place(asked).map(([, value]) => value),
        orderBy: rowOrder(columnsBesidePlace(view), true).slice(1),
      },
      literal(1n),
    ),
  })
  return unionAll([alone, winners])
}

function withFeatures({ bundle }: TrainingViewPlan, asked: Asked, rows: Relation): Relation {
  return select(rows, [
    ...place(asked),
    ...lookupColumns(bundle).map(
      ({ name, value }): NamedExpression => [
        featureName(name),
        bundle.source.tombstone === null ? value : cases([[isDeleted(bundle), literal(null)]], value),
      ],
    ),
  ])
}

/** A key and a time: what tied rows share. */
function place(asked: Asked): NamedExpression[] {
  return [...keyNames(asked), atColumn].map((name) => [name, column(name)])
}

function samePlace(asked: Asked, left: string): Expression {
  return all(place(asked).map(([name]) => operation('=', column(name, left), column(name, 'row'))))
}

/** Declared columns in which rows of one place can differ. */
function columnsBesidePlace({ bundle: { source, view } }: TrainingViewPlan): Column[] {
  const told = new Set([...view.keyColumns.map((key) => key.column), source.eventTime, source.createdTime])
  return source.schema.filter(({ name }) => !told.has(name))
}

/** What is read of the rows found: what decides between tied ones, and what features are made of. */
function readColumns(view: TrainingViewPlan): NamedExpression[] {
  const names = new Set([
    createdColumn,
    ...columnsBesidePlace(view).map(({ name }) => name),
    ...view.bundle.view.features.map((feature) => feature.column!),
  ])
  return [...names].map((name) => [name, column(name)])
}
