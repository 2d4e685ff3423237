/**
 * Training as online reads would have answered (R30): each spine row looks at an earlier time than its own, that of the publish it met.
 *
 *     E       E'                       as served      E is the newest interval end at or before t - lag
 *     ┼───────┼────── lag ──┤ t        as published   E is that of the newest publish recorded at or before t
 *     windows look at E; lookups see what lies before E (R29): they look at E - 1 ns
 *
 * A ttl is applied when reading, so it counts from t, not from E (R25): of a lookup from the row's event time, of a window from E. What
 * is missing or expired reads as R8 says: windows of such rows look at `since`, before which nothing is.
 */
import type { Feature } from '../define/definitions.js'
import { parseDuration } from '../time/duration.js'
import { endOfTime, type Instant, parseInstant } from '../time/instant.js'
import type { CommittedFile } from './committed-files.js'
import { printCreate, printDrop, printInsert } from './print-duckdb.js'
import { eventColumn } from './row-order.js'
import {
  all,
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
  values,
} from './sql-algebra.js'
import { type Asked, nowhere } from './training-asked.js'
import type { TrainingViewPlan } from './training-set-plan.js'
import { rowColumn, spineKey, timeColumn } from './training-spine.js'
import { viewAnswers } from './training-view.js'

export type Served =
  | { readonly is: 'asServed' }
  | {
      readonly is: 'asPublished'
      /** None: the version was never published. */
      readonly reads: readonly PublishedRead[]
      /** Of each read the files hold the rows of its publish and no others: a lookup sees all of them, as online did. */
      readonly areWholeStates: boolean
    }

/** Publishes that one set of files answers. */
export interface PublishedRead {
  readonly files: readonly CommittedFile[]
  readonly publishes: readonly { readonly recordedAt: Instant; readonly endAt: Instant }[]
  /** R35: windows that were shown at an older end than others of the publish. */
  readonly isHeld?: true
}

export interface AnswerTable {
  readonly table: string
  /** Beside `__row`. */
  readonly columns: readonly NamedExpression[]
}

const askedTimeColumn = '__asked_t'
const readColumn = '__read'
const recordedColumn = '__recorded_ns'
const endColumn = '__end_ns'
const servedEvent = '__served_event'

/** Makes the table of one view's answers. */
export function servedStatements(
  view: TrainingViewPlan,
  asked: Asked,
  served: Served,
  into: AnswerTable,
): readonly SqlQuery[] {
  const times = `${asked.prefix}_times`
  const row: NamedExpression = [rowColumn, column(rowColumn)]
  if (served.is === 'asServed') {
    const { before, answers, after } = servedAnswers(view, { ...asked, spine: times })
    return [
      printCreate('table', times, servedTimes(view, asked)),
      ...before,
      printCreate('table', into.table, select(answers, [row, ...into.columns])),
      ...after,
      printDrop('table', times),
    ]
  }
  const spine = `${asked.prefix}_of_read`
  const reads: readonly PublishedRead[] = served.reads.length > 0 ? served.reads : [{ files: [], publishes: [] }]
  return [
    printCreate('table', times, publishedTimes(view, asked, reads, served.areWholeStates)),
    ...reads.flatMap(({ files, publishes, isHeld }, read) => {
      const latest = latestLook(view, served, publishes)
      const { before, answers, after } = servedAnswers(view, {
        ...{ ...asked, spine, files, latest, coarse: [] },
        ...(isHeld ? { isHeld } : {}),
      })
      const found = select(answers, [row, ...into.columns])
      return [
        printCreate('table', spine, ofRead(asked, times, read)),
        ...before,
        read === 0 ? printCreate('table', into.table, found) : printInsert(into.table, found),
        ...after,
      ]
    }),
    printDrop('table', spine),
    printDrop('table', times),
  ]
}

const keysOf = (asked: Asked, of: string | null): NamedExpression[] =>
  asked.keys.map((_, part) => [spineKey(asked.view, part), column(spineKey(asked.view, part), of)])

const whole = (name: string, of: string | null = null): Expression => operation('integerFromDecimal', column(name, of))

/** When a row that met the publish of `end` looks. @param mayBeNeverShown some ends are `neverShown`, which does not expire */
function lookingAt(
  { bundle }: TrainingViewPlan,
  t: Expression,
  end: Expression,
  { mayBeNeverShown }: { readonly mayBeNeverShown: boolean },
): Expression {
  const { viewKind, ttl } = bundle.view
  if (viewKind === 'lookup') return operation('-', end, literal(1n))
  if (ttl === null) return end
  const isOld = operation('>', operation('-', t, end), literal(parseDuration(ttl)))
  const isExpired = mayBeNeverShown ? all([operation('>', end, literal(nowhere(bundle))), isOld]) : isOld
  return cases([[isExpired, literal(nowhere(bundle))]], end)
}

function servedTimes(plan: TrainingViewPlan, asked: Asked): Relation {
  const { view } = plan.bundle
  const since = literal(parseInstant(view.since))
  const every = literal(parseDuration(view.every))
  const t = whole(timeColumn)
  const sinceStart = operation('-', operation('-', t, literal(parseDuration(view.lag))), since)
  const end = operation('+', operation('*', operation('floorDiv', sinceStart, every), every), since)
  return select(table(asked.spine), [
    [rowColumn, column(rowColumn)],
    [timeColumn, cast(lookingAt(plan, t, end, { mayBeNeverShown: false }), { kind: 'storedInstant' })],
    [askedTimeColumn, column(timeColumn)],
    ...keysOf(asked, null),
  ])
}

/** Null: as late as times go. */
function latestLook(
  { bundle: { view } }: TrainingViewPlan,
  served: Extract<Served, { is: 'asPublished' }>,
  publishes: PublishedRead['publishes'],
): Instant | null {
  if (served.areWholeStates && view.viewKind === 'lookup') return null
  const since = parseInstant(view.since)
  return publishes.reduce((latest, { endAt }) => (endAt > latest ? endAt : latest), since)
}

function publishedTimes(
  plan: TrainingViewPlan,
  asked: Asked,
  reads: readonly PublishedRead[],
  areWholeStates: boolean,
): Relation {
  const instant = { kind: 'storedInstant' } as const
  const publishes = values(
    [
      [recordedColumn, instant],
      [endColumn, instant],
      [readColumn, { kind: 'int64' }],
    ],
    reads.flatMap((read, index) =>
      read.publishes.map(({ recordedAt, endAt }) => [literal(recordedAt), literal(endAt), literal(BigInt(index))]),
    ),
  )
  const { view } = plan.bundle
  const since = parseInstant(view.since)
  const nothing = literal(view.viewKind === 'lookup' ? since - 1n : since)
  const isBefore = operation('isNull', column(endColumn, 'publish'))
  const looking =
    areWholeStates && view.viewKind === 'lookup'
      ? literal(endOfTime)
      : lookingAt(plan, whole(timeColumn, 'spine'), whole(endColumn, 'publish'), {
          mayBeNeverShown: reads.some(({ isHeld }) => isHeld === true),
        })
  const on = operation('>=', column(timeColumn, 'spine'), column(recordedColumn, 'publish'))
  return select(join('asofLeft', [table(asked.spine), 'spine'], [publishes, 'publish'], on), [
    [rowColumn, column(rowColumn, 'spine')],
    [timeColumn, cast(cases([[isBefore, nothing]], looking), instant)],
    [askedTimeColumn, column(timeColumn, 'spine')],
    // Before the first publish nothing is seen, wherever it is looked for.
    [readColumn, operation('coalesce', column(readColumn, 'publish'), literal(0n))],
    ...keysOf(asked, 'spine'),
  ])
}

function ofRead(asked: Asked, times: string, read: number): Relation {
  const names = [rowColumn, timeColumn, askedTimeColumn, ...keysOf(asked, null).map(([name]) => name)]
  return select(
    table(times),
    names.map((name): NamedExpression => [name, column(name)]),
    { where: operation('=', column(readColumn), literal(BigInt(read))) },
  )
}

/** `asked.spine` holds the rows' own times beside those at which they look. */
function servedAnswers(plan: TrainingViewPlan, asked: Asked) {
  const { bundle } = plan
  const { ttl, viewKind } = bundle.view
  if (ttl === null || viewKind === 'window') return viewAnswers(plan, asked)
  const event: Feature = {
    kind: 'lookup',
    name: servedEvent,
    column: eventColumn,
    type: { kind: 'timestamp', nullable: false },
  }
  const features = [...bundle.view.features, event]
  const unexpired = { ...plan, bundle: { ...bundle, view: { ...bundle.view, ttl: null, features } } }
  const { before, answers, after } = viewAnswers(unexpired, asked)
  const age = operation('-', whole(askedTimeColumn, 'asked'), column(servedEvent, 'answer'))
  const isExpired = operation('>', age, literal(parseDuration(ttl)))
  const isSameRow = operation('=', column(rowColumn, 'asked'), column(rowColumn, 'answer'))
  return {
    before,
    after,
    answers: select(join('inner', [table(asked.spine), 'asked'], [answers, 'answer'], isSameRow), [
      [rowColumn, column(rowColumn, 'asked')],
      ...bundle.view.features.map(
        ({ name }): NamedExpression => [name, cases([[isExpired, literal(null)]], column(name, 'answer'))],
      ),
    ]),
  }
}
