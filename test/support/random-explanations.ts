/** R22, R29: for random keys and times, what the source rows give is what was committed, and at the published end what is online. */
import { type Evidence, gatherEvidence } from '../../cli/explain-screen/gather-evidence.js'
import type { FeatureViewDefinition } from '../../core/define/definitions.js'
import { bundleFor, type ViewBundle } from '../../core/define/index.js'
import {
  differingFeatures,
  keyText,
  type Question,
  type Reach,
  rowRoles,
  type SourceRow,
  windowSpans,
} from '../../core/explain/index.js'
import { decodeValues } from '../../core/publish/index.js'
import { formatInstant, type Instant } from '../../core/time/instant.js'
import { overlaps } from '../../core/time/interval.js'
import { answerOfRows } from '../reference/aggregates.js'
import { asAnswer, asValue, hour, sameValue } from '../reference/generated-history.js'
import type { Row } from '../reference/point-in-time.js'
import { allKeys, day, firstDay, pick } from './random-source.js'
import { days, type RandomWorld } from './random-world.js'

/** Of each view: more than are asserted, since some cannot be compared. */
const questionsPerView = 260

export interface Explanations {
  /** Every difference, in words; empty: all is as it must be. */
  readonly unexplained: readonly string[]
  /** Questions of which at least one feature was compared: what the source rows give, and what was committed. */
  readonly committed: number
  /** And what is online at the published end. */
  readonly published: number
}

export async function findUnexplained(self: RandomWorld, now: Instant): Promise<Explanations> {
  const context = { ...(await self.context(now)), project: self.project }
  const { repo } = (await (await self.world.ports.registry()).current())!
  const found: string[] = []
  let [committed, published] = [0, 0]
  for (const view of self.views) {
    const bundle = bundleFor(repo, view.name)
    const questions = Array.from({ length: questionsPerView }, () => randomQuestion(self))
    const evidence = await gatherEvidence(context, bundle, questions, 100_000)
    if (evidence.explained.unreadable) found.push(`${view.name}: ${evidence.explained.unreadable.message}`)
    committed += compareRecomputed(bundle, questions, evidence, found)
    published += comparePublished(bundle, questions, evidence, found)
    compareRoles(view, bundle, questions, evidence, found)
  }
  return { unexplained: found, committed, published }
}

function randomQuestion({ random }: RandomWorld): Question {
  const hours = BigInt(Math.floor(random() * 24 * (days + 1)))
  const key = random() < 0.05 ? [77n, 'nobody'] : pick(random, allKeys)
  return {
    key: key as Question['key'],
    at: firstDay + hours * hour + pick(random, [0n, 0n, 1n, -1n, 1_000n, hour / 2n, day / 2n]),
  }
}

const where = (bundle: ViewBundle, { key, at }: Question) =>
  `explain ${bundle.view.name} ${key} at ${formatInstant(at)}`

/** Where a file of an accepted version was replaced, and the run of the new one is held, there is nothing to compute again from. */
function lostCommits({ commits, runs, files }: Evidence) {
  return commits.filter(({ runId }) =>
    (runs.get(runId)?.pins?.files ?? []).some(({ uri, etag }) => files.get(uri)?.etag !== etag),
  )
}

/** R35: what is committed, and shown, of these is not all that their source gives. */
const leftOutIn = ({ commits }: Evidence): ReadonlySet<string> =>
  new Set(commits.flatMap(({ held }) => held?.features ?? []))

/** @param reach that decides the answer; null: all there is */
function isLostWithin(bundle: ViewBundle, lost: Evidence['commits'], reach: Reach | null): boolean {
  const isAll = reach === null || (bundle.view.viewKind === 'lookup' && bundle.source.eventId !== null)
  return lost.some(({ interval }) => isAll || reach.some((span) => overlaps(span, interval)))
}

/** @returns how many questions were compared */
function compareRecomputed(
  bundle: ViewBundle,
  questions: readonly Question[],
  evidence: Evidence,
  found: string[],
): number {
  const [lost, leftOut] = [lostCommits(evidence), leftOutIn(evidence)]
  const isLookedAt = bundle.view.features.some(({ name }) => !leftOut.has(name))
  let compared = 0
  for (const [index, question] of questions.entries()) {
    const reach = windowSpans(bundle, question.at, null) ?? [{ start: firstDay, end: question.at + 1n }]
    if (isLostWithin(bundle, lost, reach)) continue
    if (isLookedAt) compared++
    const { committed, recomputed } = evidence.explained.answers[index]!
    const differing = recomputed === null ? ['all'] : differingFeatures(bundle, committed, recomputed)
    const names = differing.filter((name) => !leftOut.has(name))
    const told = names.map((name) => `${name} is ${String(committed[name])}, recomputed ${String(recomputed?.[name])}`)
    if (names.length > 0) found.push(`${where(bundle, question)}: ${told}`)
  }
  return compared
}

/** @returns of how many questions what is online was compared with what the source rows give */
function comparePublished(
  bundle: ViewBundle,
  questions: readonly Question[],
  evidence: Evidence,
  found: string[],
): number {
  const { explained, items, end } = evidence
  if (end === null) return 0
  const isWhole = !isLostWithin(bundle, lostCommits(evidence), windowSpans(bundle, end.endAt, end.endAt))
  const leftOut = leftOutIn(evidence)
  const { features } = bundle.view
  let compared = 0
  for (const question of questions) {
    const key = keyText(bundle, question.key)
    const item = items.get(key) ?? null
    const decoded = item?.values == null ? null : decodeValues(features, item.values, item.schemaHash)
    const online = decoded && Object.fromEntries(features.map(({ name }, index) => [name, decoded[index]]))
    for (const expected of isWhole ? [explained.published, explained.publishedRecomputed] : [explained.published]) {
      const values = expected?.get(key)?.values ?? null
      const isAll = expected === explained.published || leftOut.size === 0
      // What is held may be all that a key has left.
      if (!isAll && bundle.view.viewKind === 'window' && values === null) continue
      if (expected !== explained.published && features.some(({ name }) => !leftOut.has(name))) compared++
      const isSame =
        values === null || online === null
          ? values === online
          : differingFeatures(bundle, values, online).every((name) => !isAll && leftOut.has(name))
      if (!isSame)
        found.push(`${where(bundle, question)}: online is not what the state gives at ${formatInstant(end.endAt)}`)
    }
  }
  return compared
}

/** The rows that are told to count, aggregated by the reference, are the value. */
function compareRoles(
  view: FeatureViewDefinition,
  bundle: ViewBundle,
  questions: readonly Question[],
  { explained, commits, runs, files }: Evidence,
  found: string[],
): void {
  const places = new Set<string>()
  const read = new Set<string>()
  for (const { interval, runId, isRejected } of commits)
    for (const { uri, etag, role } of isRejected ? [] : (runs.get(runId)?.pins?.files ?? [])) {
      if (files.get(uri)?.etag !== etag) continue
      read.add(uri)
      if (role === 'own') places.add(`${uri}\n${interval.start}`)
    }
  for (const [index, question] of questions.entries()) {
    const rows = explained.rows.filter((row) => row.key === keyText(bundle, question.key))
    const verdicts = rowRoles({
      bundle,
      rows,
      at: question.at,
      isCommitted: (row) => places.has(`${row.file}\n${row.intervalStart}`),
      mayReplace: (row) =>
        view.viewKind === 'window' ? read.has(row.file) : places.has(`${row.file}\n${row.intervalStart}`),
    })
    const counted = verdicts.filter(({ role }) => role === 'counted').sort((a, b) => a.row.rank - b.row.rank)
    for (const feature of view.features) {
      const rowsIn = (over: string | null) =>
        counted.filter(({ windows }) => over === null || windows.includes(over)).map(({ row }) => referenceRow(row))
      const expected =
        feature.kind === 'lookup'
          ? (rowsIn(null)[0]?.columns[feature.column] ?? null)
          : answerOfRows(feature, bundle.source, rowsIn(feature.over))
      const value = asAnswer(explained.answers[index]!.recomputed?.[feature.name])
      if (!sameValue(value, expected))
        found.push(
          `${where(bundle, question)} ${feature.name}: its rows give ${String(expected)}, not ${String(value)}`,
        )
    }
  }
}

function referenceRow({ eventAt, createdAt, eventId, isDeleted, columns }: SourceRow): Row {
  const values = Object.entries(columns).map(([name, value]) => [name, asValue(value)] as const)
  return { key: [], event: eventAt, created: createdAt, id: eventId, isDeleted, columns: Object.fromEntries(values) }
}
