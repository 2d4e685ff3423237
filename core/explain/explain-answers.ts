/**
 * What a view answers for some keys and times, three times over, and the source rows behind it:
 *
 *     committed    from the files that the ledger's commits name: what training sets see, and what a publish carries online
 *     recomputed   from the rows of the source files that the runs of these commits read, computed again
 *     source now   from all rows that the source has now, whatever was committed
 *
 * All keys and times together, in one session: a thousand cost little more than one.
 */
import { type ExactCopies, type ExactCopyTools, makeExactCopies } from '../compute/exact-copies.js'
import { buildEmptyFilesQuery, buildFileTypesQuery, fileTypesFrom, withEmptyFiles } from '../compute/file-types.js'
import { buildIntervalQuery } from '../compute/interval-query.js'
import type { ViewBundle } from '../define/definitions.js'
import { isMillcourseError, type MillcourseError } from '../errors.js'
import { endOfTime, type Instant, parseInstant } from '../time/instant.js'
import type { Interval } from '../time/interval.js'
import { type AnswerTools, type PublishedAnswer, publishedAnswers, trainingAnswers } from './compute-answers.js'
import { createKeys, createQuestions, keyText, type Question } from './question.js'
import type { Answer } from './same-answer.js'
import {
  buildSourceRowsQuery,
  createRowsAt,
  createSourceRows,
  type Place,
  type SourceRow,
  sourceRowFrom,
} from './source-row.js'

/** A query session, and how bytes of a source file are read. */
export interface ExplainTools extends AnswerTools, ExactCopyTools {
  execute(query: { readonly sql: string }): Promise<void>
}

export interface ExplainInput {
  readonly bundle: ViewBundle
  readonly questions: readonly Question[]
  /** Current commits of all intervals that an answer may come from. */
  readonly commits: readonly ExplainedCommit[]
  /** What the source holds now for these intervals, the files of the runs among it. */
  readonly files: readonly { readonly uri: string; readonly sizeBytes: number }[]
  /** Null: nothing was published. */
  readonly publishedEndAt: Instant | null
  /** At most so many rows, the nearest in time to the first question. */
  readonly rowsMax: number
  /** Why the source could not even be listed; null: it was. */
  readonly sourceError: MillcourseError | null
}

export interface ExplainedCommit {
  readonly interval: Interval
  /** URI of its rows or tiles; null: committed as empty. */
  readonly file: string | null
  /** R37: an operator's; nothing of its source counts. */
  readonly isRejected: boolean
  /** Files that its run read and that are as they were. */
  readonly pinned: readonly { readonly uri: string; readonly role: 'own' | 'within' }[]
}

export interface Explained {
  /** One per question. */
  readonly answers: readonly ExplainedAnswer[]
  /** By `keyText`: what a publish of the committed, and of the recomputed state shows. Null: nothing was published, or see `unreadable`. */
  readonly published: ReadonlyMap<string, PublishedAnswer> | null
  readonly publishedRecomputed: ReadonlyMap<string, PublishedAnswer> | null
  readonly rows: readonly KeyedRow[]
  /** Why the source could not be read; then there is no more than what is committed. */
  readonly unreadable: MillcourseError | null
}

export interface ExplainedAnswer {
  readonly committed: Answer
  /** Null: the source could not be read. */
  readonly recomputed: Answer | null
  readonly sourceNow: Answer | null
}

export interface KeyedRow extends SourceRow {
  readonly key: string
}

const prefix = '__explain'
const [questionsTable, keysTable, rowsTable] = [`${prefix}_questions`, `${prefix}_keys`, `${prefix}_rows`]

/** @throws MillcourseError of the committed files; what is wrong with source files is told */
export async function explainAnswers(tools: ExplainTools, input: ExplainInput): Promise<Explained> {
  const { bundle, questions, commits, publishedEndAt } = input
  await tools.execute(createQuestions(bundle, questions, questionsTable))
  await tools.execute(createKeys(bundle, questions, keysTable))
  const files = commits.flatMap(({ file }) => (file === null ? [] : [file]))
  const committed = await answersOf(tools, input, files)
  try {
    if (input.sourceError !== null) throw input.sourceError
    const { rows, recomputed, sourceNow } = await readSources(tools, input)
    return {
      answers: questions.map((_, row) => ({
        committed: committed.answers[row]!,
        recomputed: recomputed.answers[row]!,
        sourceNow: sourceNow.answers[row]!,
      })),
      published: committed.published,
      publishedRecomputed: publishedEndAt === null ? null : recomputed.published,
      rows,
      unreadable: null,
    }
  } catch (error) {
    if (!isMillcourseError(error) || !(error === input.sourceError || error.code.startsWith('SOURCE_'))) throw error
    const answers = committed.answers.map((one) => ({ committed: one, recomputed: null, sourceNow: null }))
    return { answers, published: committed.published, publishedRecomputed: null, rows: [], unreadable: error }
  }
}

interface Computed {
  readonly answers: readonly Answer[]
  readonly published: ReadonlyMap<string, PublishedAnswer> | null
}

async function answersOf(tools: ExplainTools, input: ExplainInput, files: readonly string[]): Promise<Computed> {
  const { bundle, questions, publishedEndAt } = input
  return {
    answers: await trainingAnswers(tools, bundle, files, questionsTable, questions.length),
    published: publishedEndAt === null ? null : await publishedAnswers(tools, bundle, files, keysTable, publishedEndAt),
  }
}

async function readSources(tools: ExplainTools, input: ExplainInput) {
  const { bundle } = input
  const uris = input.files.map(({ uri }) => uri)
  const copies = await readTypes(tools, input)
  await copies.naming(() => tools.execute(createSourceRows(bundle, uris, copies.types, keysTable, rowsTable)))
  const readFrom = new Map(copies.types.map(({ file, readFrom }) => [file, readFrom ?? file]))
  const pathOf = (uri: string): string => readFrom.get(uri) ?? uri
  const origins = new Map([...readFrom].map(([file, path]) => [path, file]))
  const found = await tools.all(buildSourceRowsQuery(bundle, rowsTable, input.questions[0]?.at ?? 0n, input.rowsMax))
  const rows = found.map((row): KeyedRow => {
    const key = keyText(
      bundle,
      bundle.view.keyColumns.map(({ column }) => row[column]),
    )
    return { ...sourceRowFrom(bundle, row, origins), key }
  })
  const counted = input.commits.filter(({ isRejected }) => !isRejected)
  const ofRuns = counted.flatMap(({ interval, pinned }) =>
    pinned
      .filter(({ role }) => role === 'own')
      .map(({ uri }): Place => ({ file: pathOf(uri), intervalStart: interval.start })),
  )
  const within = [...new Set(counted.flatMap(({ pinned }) => pinned.map(({ uri }) => pathOf(uri))))]
  const recomputed = await recompute(tools, input, 'run', { places: ofRuns, within })
  const sourceNow = await recompute(tools, input, 'now', null)
  return { rows, recomputed, sourceNow }
}

/** The way a run goes from rows to its file, for all intervals at once: rows stay in their own, and so do tiles. */
async function recompute(
  tools: ExplainTools,
  input: ExplainInput,
  name: string,
  at: { readonly places: readonly Place[]; readonly within: readonly string[] } | null,
): Promise<Computed> {
  const { bundle } = input
  const [own, within] = [`${prefix}_${name}_own`, `${prefix}_${name}_within`]
  const isAll = at === null
  const none = { places: [], within: [] }
  if (!isAll)
    for (const statement of createRowsAt(bundle, rowsTable, { places: at.places }, own)) await tools.execute(statement)
  for (const statement of createRowsAt(bundle, rowsTable, isAll ? none : at, within)) await tools.execute(statement)
  const query = buildIntervalQuery({
    bundle,
    // Each row's own interval is told by its place.
    interval: { start: parseInstant(bundle.view.since), end: endOfTime },
    files: { own: [], within: [] },
    fileTypes: [],
    rowsFrom: { own: isAll ? rowsTable : own, within },
    prefix: `${prefix}_${name}`,
  })
  for (const statement of query.statements) await tools.execute(statement)
  const file = await tools.keepFile(`${prefix}-${name}.parquet`, nothing())
  await tools.execute({ sql: `COPY (${query.output}) TO '${file.replaceAll("'", "''")}' (FORMAT parquet)` })
  for (const statement of query.cleanup) await tools.execute(statement)
  return answersOf(tools, input, [file])
}

/** The engine writes over it: what is kept goes with the session. */
async function* nothing(): AsyncIterable<Uint8Array> {}

async function readTypes(tools: ExplainTools, { bundle, files }: ExplainInput): Promise<ExactCopies> {
  const uris = files.map(({ uri }) => uri)
  const times = bundle.source.schema.filter(({ kind }) => kind === 'timestamp').map(({ name }) => name)
  if (uris.length === 0) return { types: [], naming: (work) => work() }
  const types = fileTypesFrom(await tools.all(buildFileTypesQuery(uris)))
  const empties = buildEmptyFilesQuery(types)
  return makeExactCopies(empties === null ? types : withEmptyFiles(types, await tools.all(empties)), times, tools)
}
