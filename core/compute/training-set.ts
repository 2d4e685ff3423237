/**
 * A training set: the spine's rows, in its order, with its own columns untouched, and beside them what each view knew at each row's
 * time (R14). Each view is answered on its own, into a table by row number or a view that the output reads; at the end they are put side by side.
 */
import type { Feature } from '../define/definitions.js'
import type { Instant } from '../time/instant.js'
import { type CommittedFile, isOfCompaction } from './committed-files.js'
import { areTiesResolved } from './committed-rows.js'
import { answerOfNothing } from './merged-features.js'
import { printCreate, printDrop, printQuery, printRelation } from './print-duckdb.js'
import { eventColumn } from './row-order.js'
import {
  all,
  cases,
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
import { noConstants, type TileConstants } from './tile-constants.js'
import type { Asked } from './training-asked.js'
import { type Served, servedStatements } from './training-served.js'
import { comparedType, type TrainingPlan, type TrainingViewPlan } from './training-set-plan.js'
import { firstRow, ownColumn, readSpine, rowColumn, spineProblems, spineTimes } from './training-spine.js'
import { answer, timesIn, timeUnits, written } from './training-times.js'
import { viewAnswers } from './training-view.js'
import type { CoarseFile } from './window-values.js'

export interface TrainingSetInput {
  readonly plan: TrainingPlan
  /** For each view of the plan, its committed rows (lookup view) or tile files (window view). */
  readonly files: readonly (readonly CommittedFile[])[]
  /** For each window view coarse tiles of the same commits (`usableCoarse`); left out: none. */
  readonly coarse?: readonly (readonly CoarseFile[])[]
  /** For each window view what its tiles say alike in every row (`tileConstantsFrom`), of all files named here; left out or null: nothing is known. */
  readonly constants?: readonly (TileConstants | null)[]
  /** For each view what online reads would have seen (R30); left out or null: what was knowable at each row's time (R1, R9). */
  readonly served?: readonly (Served | null)[]
  /** For each view features that commits leave out (R35), each read on its own; left out: all are read as said above. */
  readonly held?: readonly (readonly HeldFeaturesRead[])[]
  /** Of the spine's rows (`spineTimesFrom`): left out or null, they are compared in a wider, slower type. */
  readonly times?: { readonly max: Instant } | null
  /** The output is asked for in parts: what each of them would read anew is kept. */
  readonly isInParts?: boolean
  readonly prefix?: string
}

export interface HeldFeaturesRead {
  /** Of those asked for; none of them is in two. */
  readonly features: readonly string[]
  readonly files: readonly CommittedFile[]
  readonly served: Served | null
}

export interface TrainingSetQuery {
  /** Reads the spine; run it first. */
  readonly spine: readonly SqlQuery[]
  /** Then this; hand its rows to `checkSpineRows`. */
  readonly problems: SqlQuery
  /** Rows, earliest and latest time of the spine; hand its row to `spineTimesFrom`. */
  readonly times: SqlQuery
  /** Then these, in order: one or more per view. */
  readonly statements: readonly SqlQuery[]
  /** Then this, if there are timestamp features; hand its row to `output`. */
  readonly timeUnits: SqlQuery | null
  /** SELECT text of the training set, or of some of its rows, in the spine's order. */
  output(timeUnits: Readonly<Record<string, unknown>> | null, rows?: SpineRows): string
}

/** Rows of the spine by their place in it, the first is 0: `from <= place < below`. */
export interface SpineRows {
  readonly from: bigint
  readonly below: bigint
}

export function buildTrainingSet(input: TrainingSetInput): TrainingSetQuery {
  const { plan, prefix = '__training' } = input
  const spine = `${prefix}_spine`
  const fetched = plan.views.map((_, index) => isFetchedLast(input, index))
  const names = fetched.map((isLast, index) => `${prefix}_${isLast ? 'fetched' : 'view'}${index}`)
  const statements = plan.views.flatMap((view, index) => {
    const files = input.files[index] ?? []
    const keys = view.keys.map(({ key, spineColumn }) => comparedType(key, spineColumn.type))
    const asked: Asked = {
      ...{ spine, prefix: `${prefix}_view${index}`, view: index, keys, files },
      latest: input.times?.max ?? null,
      coarse: input.coarse?.[index] ?? [],
      constants: input.constants?.[index] ?? noConstants,
    }
    const into = names[index]!
    const served = input.served?.[index] ?? null
    const held = input.held?.[index] ?? []
    const all = view.features.map(({ feature }) => feature.name)
    const whole = { table: into, features: all, view: index, isFetchedLast: fetched[index]! }
    if (held.length === 0) return answerStatements(view, asked, served, whole)
    const apart = new Set(held.flatMap(({ features }) => features))
    // A key is there or missing in all features: of lookups the first read knows, of windows that were shown all reads together.
    const isWindow = view.bundle.view.viewKind === 'window'
    const isThereTold = (part: number) => (isWindow ? served?.is === 'asPublished' : part === 0)
    const reads = [{ features: all.filter((name) => !apart.has(name)), files, served }, ...held].filter(
      ({ features }, part) => isThereTold(part) || features.length > 0,
    )
    const parts = reads.map((read, part): Part & HeldFeaturesRead => ({
      ...{ ...read, table: `${into}_part${part}` },
      thereColumn: isThereTold(part) ? `__is_there${part}` : null,
    }))
    return [
      ...parts.flatMap(({ features, files: of, served: how, table: name, thereColumn }, part) =>
        answerStatements(
          { ...view, features: view.features.filter(({ feature }) => features.includes(feature.name)) },
          {
            ...{ ...asked, prefix: `${asked.prefix}_${part}`, files: of, coarse: of === files ? asked.coarse : [] },
            ...(thereColumn === null ? {} : { thereColumn }),
          },
          how,
          { table: name, features: all, view: index, isFetchedLast: false },
        ),
      ),
      ...togetherStatements(spine, into, parts, { view, index }),
    ]
  })
  return {
    spine: [printCreate('table', spine, readSpine(plan))],
    problems: printQuery(spineProblems(plan, spine)),
    times: printQuery(spineTimes(spine)),
    statements: [...statements, ...groupStatements(plan, prefix, spine, names)],
    timeUnits: timeUnits(plan, names),
    output: (units, rows) => printRelation(output(plan, answerSides(plan, prefix, names), spine, units, rows ?? null)),
  }
}

/**
 * What a lookup found in compacted files is read by the output itself, where that reads it once: a table of it beside the output's own hash tables
 * and sort would hold every value twice. Of files of single commits alone tied rows are in a table as large, and nothing would be saved.
 */
function isFetchedLast({ plan, files, served, held, isInParts }: TrainingSetInput, index: number): boolean {
  const { bundle, features } = plan.views[index]!
  return (
    bundle.view.viewKind === 'lookup' &&
    bundle.source.visibility === 'event' &&
    areTiesResolved(bundle) &&
    (files[index] ?? []).some(isOfCompaction) &&
    (served?.[index] ?? null) === null &&
    (held?.[index] ?? []).length === 0 &&
    isInParts !== true &&
    plan.views.length <= joinedMax &&
    !features.some(({ feature: { type } }) => timesIn(type, column('')))
  )
}

interface AnswersInto {
  readonly table: string
  /** Of the view as it is asked for: their places name the answers. */
  readonly features: readonly string[]
  readonly view: number
  readonly isFetchedLast: boolean
}

function answerStatements(
  view: TrainingViewPlan,
  asked: Asked,
  served: Served | null,
  { table: name, features, view: index, isFetchedLast }: AnswersInto,
): readonly SqlQuery[] {
  const columns = view.features.map(
    ({ feature }): NamedExpression => [answer(index, features.indexOf(feature.name)), column(feature.name)],
  )
  const { thereColumn } = asked
  const isWindow = view.bundle.view.viewKind === 'window'
  if (thereColumn !== undefined)
    columns.push([thereColumn, isWindow ? column(thereColumn) : operation('isNotNull', column(thereColumn))])
  const told = thereColumn === undefined || isWindow ? view : withEventAs(thereColumn, view)
  if (served !== null) return servedStatements(told, asked, served, { table: name, columns })
  const { before, answers, after } = viewAnswers(told, asked)
  const named = select(answers, [[rowColumn, column(rowColumn)], ...columns])
  return isFetchedLast
    ? [...before, printCreate('view', name, named)]
    : [...before, printCreate('table', name, named), ...after]
}

/** Of a lookup, a row that has a time is there. */
function withEventAs(name: string, plan: TrainingViewPlan): TrainingViewPlan {
  const { view } = plan.bundle
  const event: Feature = { kind: 'lookup', name, column: eventColumn, type: { kind: 'timestamp', nullable: false } }
  return { ...plan, bundle: { ...plan.bundle, view: { ...view, features: [...view.features, event] } } }
}

interface Part {
  readonly table: string
  /** Of its table: whether the key has a row, or anything in the windows; null: it does not say. */
  readonly thereColumn: string | null
}

/** R35: what was read apart, as one view's answers again. Of a key that was missing, nothing is shown: null, of windows as R8 says. */
function togetherStatements(
  spine: string,
  into: string,
  parts: readonly Part[],
  { view, index }: { readonly view: TrainingViewPlan; readonly index: number },
): SqlQuery[] {
  const rows = select(table(spine), [[rowColumn, column(rowColumn)]])
  const joined = joinByRow(
    rows,
    parts.map(({ table: name }) => table(name)),
  )
  const there = parts.flatMap(({ thereColumn }) => thereColumn ?? [])
  const isMissing = all(there.map((name) => operation('not', operation('coalesce', column(name), literal(false)))))
  const answers = view.features.map(({ feature }, at): NamedExpression => {
    const name = answer(index, at)
    const nothing = feature.kind === 'window' ? answerOfNothing(feature) : null
    return [name, there.length === 0 ? column(name) : cases([[isMissing, literal(nothing)]], column(name))]
  })
  const together = select(joined, [[rowColumn, column(rowColumn, 'spine')], ...answers])
  return [printCreate('table', into, together), ...parts.map(({ table: name }) => printDrop('table', name))]
}

/** So many hash tables are held at once; of each the engine takes at least some megabytes. */
const joinedMax = 24

/** What stands beside the spine at the end: the answers of each view, or of many views by groups of them. */
function answerSides(plan: TrainingPlan, prefix: string, names: readonly string[]) {
  const isGrouped = plan.views.length > joinedMax
  const size = isGrouped ? joinedMax : 1
  return Array.from({ length: Math.ceil(plan.views.length / size) }, (_, side) => {
    const views = plan.views.map((_, view) => view).slice(side * size, (side + 1) * size)
    return {
      views,
      name: isGrouped ? `${prefix}_group${side}` : names[side]!,
      columns: views.flatMap((view) => plan.views[view]!.features.map((_, at) => answer(view, at))),
    }
  })
}

function groupStatements(plan: TrainingPlan, prefix: string, spine: string, names: readonly string[]): SqlQuery[] {
  if (plan.views.length <= joinedMax) return []
  return answerSides(plan, prefix, names).map(({ name, columns, views }) => {
    const rows = select(table(spine), [[rowColumn, column(rowColumn)]])
    const joined = joinByRow(
      rows,
      views.map((view) => table(names[view]!)),
    )
    return printCreate(
      'table',
      name,
      select(joined, [
        [rowColumn, column(rowColumn, 'spine')],
        ...columns.map((of): NamedExpression => [of, column(of)]),
      ]),
    )
  })
}

const sideAlias = (side: number): string => `side${side}`

/** Each side has a row at most for each of the spine's: none is dropped, multiplied or moved (R14). */
function joinByRow(spine: Relation, sides: readonly Relation[]): Relation {
  return sides.reduce<Relation>(
    (left, relation, side) =>
      join(
        'left',
        [left, side === 0 ? 'spine' : ''],
        [relation, sideAlias(side)],
        operation('=', column(rowColumn, 'spine'), column(rowColumn, sideAlias(side))),
      ),
    spine,
  )
}

function output(
  plan: TrainingPlan,
  sides: ReturnType<typeof answerSides>,
  spine: string,
  units: Readonly<Record<string, unknown>> | null,
  rows: SpineRows | null,
): Relation {
  // Said of both sides: then only these rows of either are read and joined.
  const some = (name: string, columns: readonly string[]): Relation => {
    if (rows === null) return table(name)
    const [from, below] = [rows.from, rows.below].map((place) => literal(place + firstRow(plan)))
    return select(
      table(name),
      [rowColumn, ...columns].map((of): NamedExpression => [of, column(of)]),
      { where: all([operation('>=', column(rowColumn), from!), operation('<', column(rowColumn), below!)]) },
    )
  }
  const spineRows = some(
    spine,
    plan.spine.columns.map((_, index) => ownColumn(index)),
  )
  const joined = joinByRow(
    spineRows,
    sides.map(({ name, columns }) => some(name, columns)),
  )
  const sideOf = sides.flatMap(({ views }, side) => views.map(() => side))
  const value = (entry: TrainingViewPlan, view: number, at: number): Expression => {
    const name = answer(view, at)
    const found = column(name, sideAlias(sideOf[view]!))
    const { type } = entry.features[at]!.feature
    return written(found, type, units?.[name] ? 'timestampNsFromInstant' : 'timestampUsFromInstant')
  }
  return select(
    joined,
    [
      ...plan.spine.columns.map(
        ({ name }, index): NamedExpression => [name, column(ownColumn(index), plan.views.length > 0 ? 'spine' : null)],
      ),
      ...plan.views.flatMap((entry, view) =>
        entry.features.map((feature, at): NamedExpression => [feature.output, value(entry, view, at)]),
      ),
    ],
    { orderBy: [{ by: column(rowColumn, plan.views.length > 0 ? 'spine' : null), descending: false }] },
  )
}
