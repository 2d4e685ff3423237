/** Which intervals decide an answer, so that no more files are read than these have. */
import type { CommittedFile } from '../compute/committed-files.js'
import { committedRows } from '../compute/committed-rows.js'
import { printQuery } from '../compute/print-duckdb.js'
import { createdColumn, eventColumn } from '../compute/row-order.js'
import { aggregate, all, column, literal, operation, select } from '../compute/sql-algebra.js'
import type { ViewBundle } from '../define/definitions.js'
import { reachedSpan, windowReach } from '../publish/index.js'
import { type Instant, parseInstant } from '../time/instant.js'
import type { Interval } from '../time/interval.js'
import type { AnswerTools } from './compute-answers.js'
import { filesOfKeys } from './files-of-keys.js'
import { createKeys, type Question } from './question.js'
import { answeredAt } from './row-roles.js'
import { intervalStartOf } from './source-row.js'

/** Spans of event time; they may overlap. */
export type Reach = readonly Interval[]

/** Null: a lookup view, where the committed rows say it (`readNewestPlaces`). Up to `at` itself, to show what lies on the edge. */
export function windowSpans(bundle: ViewBundle, at: Instant, publishedEndAt: Instant | null): Reach | null {
  const { view } = bundle
  const window = windowReach(view)
  if (window === null) return null
  const since = parseInstant(view.since)
  const asked = reachedSpan(answeredAt(bundle, at), window, since)
  const spans = [{ start: asked.start, end: at + 1n }]
  if (publishedEndAt !== null) spans.push(reachedSpan(publishedEndAt, window, since))
  return spans.filter(({ start, end }) => start < end)
}

const keysTable = '__explain_reach_keys'

/**
 * Where the newest committed row of one key lies, as `asked` and `online`: older rows decide nothing, but where a redelivery of an event may
 * lie anywhere (R19).
 * @param files of all its commits
 */
export async function readNewestPlaces(
  tools: AnswerTools,
  bundle: ViewBundle,
  question: Question,
  files: readonly CommittedFile[],
): Promise<Readonly<Record<string, unknown>> | null> {
  await tools.execute(createKeys(bundle, [question], keysTable))
  const rows = committedRows(bundle, await filesOfKeys(tools, bundle, files, keysTable), { keysFrom: keysTable })
  const event = column(eventColumn)
  const isKnown = bundle.source.visibility === 'created'
  const seen = all([
    operation('<=', event, literal(question.at)),
    ...(isKnown ? [operation('<=', column(createdColumn), literal(question.at))] : []),
  ])
  const online = isKnown ? operation('isNotNull', column(createdColumn)) : literal(true)
  const newest = (where: typeof seen) => operation('integerFromDecimal', aggregate('max', event, where))
  const places = select(rows, [
    ['asked', newest(seen)],
    ['online', newest(online)],
  ])
  return (await tools.all(printQuery(places)))[0] ?? null
}

/** @param found of `readNewestPlaces`; null: all that is known of the view has to be looked at */
export function lookupSpans(
  bundle: ViewBundle,
  at: Instant,
  now: Instant,
  found: Readonly<Record<string, unknown>> | null,
): Reach {
  const since = parseInstant(bundle.view.since)
  const from = (event: unknown): Instant => (event == null ? since : intervalStartOf(bundle, BigInt(event as bigint)))
  if (found === null || bundle.source.eventId !== null) return [{ start: since, end: now }]
  return [
    { start: from(found.asked), end: at + 1n },
    { start: from(found.online), end: now },
  ]
}
