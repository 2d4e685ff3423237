/** Answers of a view for the asked keys and times, by the builders that training sets and publishes use, from whichever files. */
import type { CommittedFile } from '../compute/committed-files.js'
import { buildLatestRows } from '../compute/latest-rows.js'
import { answerOfNothing } from '../compute/merged-features.js'
import { printQuery } from '../compute/print-duckdb.js'
import { column, type NamedExpression, type SqlQuery, select } from '../compute/sql-algebra.js'
import { lookupAnswers } from '../compute/training-lookup.js'
import type { TrainingViewPlan } from '../compute/training-set-plan.js'
import { windowAnswers } from '../compute/training-window.js'
import { buildWindowValues } from '../compute/window-values.js'
import type { ViewBundle } from '../define/definitions.js'
import type { Instant } from '../time/instant.js'
import { keyText } from './question.js'
import type { Answer } from './same-answer.js'

export interface AnswerTools {
  execute(query: SqlQuery): Promise<void>
  all(query: SqlQuery): Promise<readonly Readonly<Record<string, unknown>>[]>
}

/** As a training set says it: one answer per question, in their order. @param questions table of `createQuestions`, of `count` rows */
export async function trainingAnswers(
  tools: AnswerTools,
  bundle: ViewBundle,
  files: readonly CommittedFile[],
  questions: string,
  count: number,
  named = '',
): Promise<Answer[]> {
  const plan: TrainingViewPlan = {
    bundle,
    keys: bundle.entity.keys.map((key) => ({ key, spineColumn: { name: key.name, type: key.kind, isUtc: true } })),
    features: bundle.view.features.map((feature) => ({ feature, output: feature.name })),
  }
  const asked = {
    spine: questions,
    prefix: `${questions}_asked${named}`,
    view: 0,
    keys: bundle.entity.keys,
    files,
    latest: null,
    coarse: [],
  }
  const { before, answers } =
    bundle.view.viewKind === 'lookup' ? lookupAnswers(plan, asked) : windowAnswers(plan, asked)
  for (const statement of before) await tools.execute(statement)
  const names = bundle.view.features.map(({ name }) => name)
  const columns = ['__row', ...names].map((name): NamedExpression => [name, column(name)])
  const found = new Map<number, Answer>()
  for (const row of await tools.all(printQuery(select(answers, columns))))
    found.set(Number(row.__row), Object.fromEntries(names.map((name) => [name, row[name]])))
  // A lookup leaves out what it has no row for.
  const nothing = Object.fromEntries(names.map((name) => [name, null]))
  return Array.from({ length: count }, (_, row) => found.get(row) ?? nothing)
}

export interface PublishedAnswer {
  readonly values: Answer
  /** Lookup: the row's; window: null, the published end counts (R29). */
  readonly eventAt: Instant | null
}

/** R8: of a key with nothing in any window; of a lookup nulls. */
export function answersOfNothing({ view }: ViewBundle): Answer {
  return Object.fromEntries(
    view.features.map((feature) => [feature.name, feature.kind === 'window' ? answerOfNothing(feature) : null]),
  )
}

/**
 * What a publish at `endAt` shows (R22, R29), by `keyText`; a key without an entry has an empty item, or none.
 * @param keys table of `createKeys`
 */
export async function publishedAnswers(
  tools: AnswerTools,
  bundle: ViewBundle,
  files: readonly CommittedFile[],
  keys: string,
  endAt: Instant,
): Promise<Map<string, PublishedAnswer>> {
  const isLookup = bundle.view.viewKind === 'lookup'
  const query = isLookup
    ? buildLatestRows({ bundle, files, keysFrom: keys })
    : buildWindowValues({ bundle, endNs: endAt, tiles: files, coarse: [], keysFrom: keys })
  const found = new Map<string, PublishedAnswer>()
  for (const row of await tools.all(query)) {
    if (isLookup && row.__is_deleted === true) continue
    const key = bundle.entity.keys.map(({ name }) => row[name])
    found.set(keyText(bundle, key), {
      values: Object.fromEntries(bundle.view.features.map(({ name }) => [name, row[name]])),
      eventAt: isLookup ? BigInt(row.__event_ns as bigint) : null,
    })
  }
  return found
}
