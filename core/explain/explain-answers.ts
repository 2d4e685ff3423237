/**
 * What a view answers for some keys and times, three times over, and the source rows behind it:
 *
 *     committed    from the files that the ledger's commits name: what training sets see, and what a publish carries online
 *     recomputed   from the rows of the source files that the runs of these commits read, computed again
 *     source now   from all rows that the source has now, whatever was committed
 *
 * All keys and times together, in one session: a thousand cost little more than one.
 */
import type { CommittedFile } from '../compute/committed-files.js'
import type { UpstreamRead } from '../compute/upstream-rows.js'
import type { ViewBundle } from '../define/definitions.js'
import { isMillcourseError, type MillcourseError } from '../errors.js'
import type { PinnedFile } from '../plan/index.js'
import type { Instant } from '../time/instant.js'
import type { Interval } from '../time/interval.js'
import { answersOfNothing, type PublishedAnswer, publishedAnswers, trainingAnswers } from './compute-answers.js'
import { filesOfKeys } from './files-of-keys.js'
import { createKeys, createQuestions, keyText, type Question } from './question.js'
import { placesOf, type RecomputeTools, readSourceRows, recomputedPlaces, writeRecomputed } from './recompute.js'
import { answeredAt } from './row-roles.js'
import type { Answer } from './same-answer.js'
import { buildRowCountsQuery, buildSourceRowsQuery, countColumn, type SourceRow, sourceRowFrom } from './source-row.js'

export type ExplainTools = RecomputeTools

export interface ExplainInput {
  readonly bundle: ViewBundle
  readonly questions: readonly Question[]
  /** Current commits of all intervals that an answer may come from. */
  readonly commits: readonly ExplainedCommit[]
  /** Their rows or tiles (`committedFiles`). */
  readonly committed: readonly CommittedFile[]
  /** R35: features that some of the commits leave out, with the files that have them. Left out: none. */
  readonly held?: readonly HeldFiles[]
  /** What the source holds now for these intervals, the files of the runs among it. */
  readonly files: readonly {
    readonly uri: string
    readonly sizeBytes: number
    /** Of that dimension of the view's query. */
    readonly alias?: string
  }[]
  /** Of a view that is built on another: where the commits among the files are read. */
  readonly upstream?: readonly UpstreamRead[]
  /** Null: nothing was published. */
  readonly publishedEndAt: Instant | null
  /** At most so many rows are told. */
  readonly rowsMax: number
  /** Why the source could not even be listed; null: it was. */
  readonly sourceError: MillcourseError | null
}

export interface HeldFiles {
  readonly features: readonly string[]
  readonly files: readonly CommittedFile[]
  /** Where a publish shows them, and null: nowhere. */
  readonly publishedEndAt: Instant | null
}

export interface ExplainedCommit {
  readonly interval: Interval
  /** R37: an operator's; nothing of its source counts. */
  readonly isRejected: boolean
  /** Files that its run read and that are as they were. */
  readonly pinned: readonly { readonly uri: string; readonly role: PinnedFile['role'] }[]
}

export interface Explained {
  /** One per question. */
  readonly answers: readonly ExplainedAnswer[]
  /** By `keyText`: what a publish of the committed, and of the recomputed state shows. Null: nothing was published, or see `unreadable`. */
  readonly published: ReadonlyMap<string, PublishedAnswer> | null
  readonly publishedRecomputed: ReadonlyMap<string, PublishedAnswer> | null
  /** At most `rowsMax`, those nearest in time to the first question first. */
  readonly rows: readonly KeyedRow[]
  /** By `keyText`: how many rows the source has of each key, be they among `rows` or not. */
  readonly rowCounts: ReadonlyMap<string, number>
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
  const { bundle, questions, publishedEndAt } = input
  await tools.execute(createQuestions(bundle, questions, questionsTable))
  await tools.execute(createKeys(bundle, questions, keysTable))
  const whole = await answersOf(tools, input, await filesOfKeys(tools, bundle, input.committed, keysTable))
  const committed = await withHeld(tools, input, whole)
  try {
    if (input.sourceError !== null) throw input.sourceError
    const { rows, rowCounts, recomputed, sourceNow } = await readSources(tools, input)
    return {
      answers: questions.map((_, row) => ({
        committed: committed.answers[row]!,
        recomputed: recomputed.answers[row]!,
        sourceNow: sourceNow.answers[row]!,
      })),
      published: committed.published,
      publishedRecomputed: publishedEndAt === null ? null : recomputed.published,
      ...{ rows, rowCounts },
      unreadable: null,
    }
  } catch (error) {
    // Files of the other view lie in the lake. A value that the source's query, or a sum, cannot take is one that the run of its interval failed of.
    const codes = input.upstream ? /^(SOURCE_|LAKE_|COMPUTE_VALUE_)/ : /^(SOURCE_|COMPUTE_VALUE_)/
    if (!isMillcourseError(error) || !(error === input.sourceError || codes.test(error.code))) throw error
    const answers = committed.answers.map((one) => ({ committed: one, recomputed: null, sourceNow: null }))
    const noRows = { rows: [], rowCounts: new Map<string, number>() }
    return { answers, published: committed.published, publishedRecomputed: null, ...noRows, unreadable: error }
  }
}

interface Computed {
  readonly answers: readonly Answer[]
  readonly published: ReadonlyMap<string, PublishedAnswer> | null
}

/** R35: what is held is answered, and published, without the commits that leave it out. */
async function withHeld(tools: ExplainTools, input: ExplainInput, whole: Computed): Promise<Computed> {
  const apart: (HeldFiles & { readonly own: Computed })[] = []
  for (const [place, held] of (input.held ?? []).entries()) {
    const files = await filesOfKeys(tools, input.bundle, held.files, keysTable)
    const of = { ...input, publishedEndAt: held.publishedEndAt }
    apart.push({ ...held, own: await answersOf(tools, of, files, `held${place}_`) })
  }
  const taken = (from: (one: (typeof apart)[number]) => Answer | undefined): Answer =>
    Object.fromEntries(
      apart.flatMap((one) => one.features.map((name): [string, unknown] => [name, from(one)?.[name] ?? null])),
    )
  const answers = whole.answers.map((answer, row) => ({ ...answer, ...taken(({ own }) => own.answers[row]) }))
  if (whole.published === null) return { answers, published: null }
  const nothing = answersOfNothing(input.bundle)
  // A key may have something left in windows at an older end alone.
  const isWindow = input.bundle.view.viewKind === 'window'
  const older = isWindow ? apart.flatMap(({ own }) => [...(own.published?.keys() ?? [])]) : []
  const shown = [...new Set([...whole.published.keys(), ...older])].map((key): [string, PublishedAnswer] => {
    const one = whole.published!.get(key) ?? { values: nothing, eventAt: null }
    const values = taken(({ own, publishedEndAt }) => {
      const found = own.published?.get(key)?.values
      // Held at an older end, to which the key is new.
      return found ?? (publishedEndAt === input.publishedEndAt ? nothing : undefined)
    })
    return [key, { ...one, values: { ...one.values, ...values } }]
  })
  return { answers, published: new Map(shown) }
}

async function answersOf(
  tools: ExplainTools,
  input: ExplainInput,
  files: readonly CommittedFile[],
  named = '',
): Promise<Computed> {
  const { bundle, questions, publishedEndAt } = input
  return {
    answers: await trainingAnswers(tools, bundle, files, questionsTable, questions.length, named),
    published: publishedEndAt === null ? null : await publishedAnswers(tools, bundle, files, keysTable, publishedEndAt),
  }
}

async function readSources(tools: ExplainTools, input: ExplainInput) {
  const { bundle } = input
  const read = await readSourceRows(tools, bundle, input.files, keysTable, rowsTable, input.upstream)
  const counted = input.commits.filter(({ isRejected }) => !isRejected)
  const of = (name: string, at: ReturnType<typeof placesOf> | null) =>
    writeRecomputed(tools, bundle, rowsTable, `${prefix}_${name}`, at)
  const recomputed = await answersOf(tools, input, [await of('run', placesOf(counted, read))])
  const sourceNow = await answersOf(tools, input, [await of('now', null)])
  const keyOf = (row: Readonly<Record<string, unknown>>): string =>
    keyText(
      bundle,
      bundle.view.keyColumns.map(({ column }) => row[column]),
    )
  const near = input.questions[0]?.at ?? 0n
  const before = bundle.view.viewKind === 'lookup' ? near + 1n : answeredAt(bundle, near)
  const told = { ...{ near, before }, rowsMax: input.rowsMax, made: recomputedPlaces(`${prefix}_run`) }
  const rows = (await tools.all(buildSourceRowsQuery(bundle, rowsTable, told))).map(
    (row): KeyedRow => ({ ...sourceRowFrom(bundle, row, read.origins), key: keyOf(row) }),
  )
  const counts = await tools.all(buildRowCountsQuery(bundle, rowsTable))
  const rowCounts = new Map(counts.map((row) => [keyOf(row), Number(row[countColumn])]))
  return { rows, rowCounts, recomputed, sourceNow }
}
