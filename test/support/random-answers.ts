/** What a random world must show in the end, by the slow reference over the raw rows of what its ledger has committed. */
import { join } from 'node:path'
import { trainingSet } from '../../cli/commands/training-set.js'
import type { Feature, FeatureViewDefinition, WindowFeature } from '../../core/define/definitions.js'
import { bundleFor } from '../../core/define/index.js'
import type { Commit } from '../../core/ports/ledger.js'
import { encodeKey, versionTableName } from '../../core/publish/index.js'
import { assembleVector } from '../../core/serve/index.js'
import { parseDuration } from '../../core/time/duration.js'
import { formatInstant, type Instant, parseInstant } from '../../core/time/instant.js'
import { intervalsBetween } from '../../core/time/interval.js'
import { answerOfRows } from '../reference/aggregates.js'
import { account, asAnswer, hour, sameValue, sourceOf } from '../reference/generated-history.js'
import {
  type HoldingCommit,
  rowsToLookUp,
  type ShownWindow,
  shownWindows,
  windowAt,
} from '../reference/held-features.js'
import { type Answer as AnswerOf, lookup, type Row, type Rules, type Value } from '../reference/point-in-time.js'
import { allKeys, day, firstDay, pick } from './random-source.js'
import { days, type RandomWorld } from './random-world.js'

const endOfTime = 1n << 200n
const unknownKey: readonly Value[] = [77n, 'nobody']
type Answer = Readonly<Record<string, AnswerOf>>

/** Every difference, in words; empty: all is as it must be. */
export async function findDifferences(self: RandomWorld, now: Instant): Promise<string[]> {
  const found: string[] = []
  const states = new Map<string, ViewState>()
  for (const view of self.views) {
    const state = await readState(self, view, now, found)
    states.set(view.name, state)
    await compareOnline(self, view, state, found)
  }
  await compareTraining(self, states, now, found)
  return found
}

interface ViewState {
  /** Rows of the committed intervals. */
  readonly rows: readonly Row[]
  readonly commits: readonly Commit[]
  /** R35: the same, with what they leave out. */
  readonly holding: readonly HoldingCommit[]
}

const holdingCommit = ({ interval, held }: Commit): HoldingCommit => ({
  ...{ ...interval, held: held?.features ?? [], isRejected: held?.isRejected ?? false },
})

/** R29: the state is what is committed; and R27: nothing that lies in the source waits to be looked at. */
async function readState(
  self: RandomWorld,
  view: FeatureViewDefinition,
  now: Instant,
  found: string[],
): Promise<ViewState> {
  const [ledger, sources] = [await self.world.ports.ledger(), await self.world.ports.sources()]
  const key = { view: view.name, version: view.version }
  const since = parseInstant(view.since)
  const commits = await ledger.currentCommits(key, { start: since, end: now })
  const { endAt } = expectedEnd(view, commits)
  const byStart = new Map(commits.map((commit) => [commit.interval.start, commit]))
  const rows: Row[] = []
  const runStates = new Map(
    (await ledger.intervalStates(key, { start: since, end: now })).map((one) => [one.interval.start, one]),
  )
  const presentRows = [...self.present].flatMap(([path, etag]) => self.contents.get(`${sources.uri(path)} ${etag}`)!)
  for (const interval of intervalsBetween(since, now, parseDuration(view.every), since)) {
    const at = `${view.name} ${formatInstant(interval.start)}`
    const isInside = (row: Row) => row.event !== null && row.event >= interval.start && row.event < interval.end
    const pinned = async (runId: string) => {
      const files = (await ledger.run(runId))?.pins?.files ?? []
      const own = files.filter((file) => file.role === 'own')
      return own.flatMap((file) => self.contents.get(`${file.uri} ${file.etag}`)!).filter(isInside)
    }
    const commit = byStart.get(interval.start)
    if (commit && !commit.isRejected) rows.push(...(await pinned(commit.runId)))
    const latest = runStates.get(interval.start)?.latestRun
    if (!latest) {
      found.push(`${at}: never ran`)
      continue
    }
    // R32: beyond a gap that blocks, intervals are committed and wait.
    const isWaiting = latest.outcome === 'committed' && (endAt === null || interval.end > endAt)
    if (!isWaiting && !['done', 'held', 'accepted', 'rejected'].includes(latest.outcome))
      found.push(`${at}: is ${latest.outcome} ${latest.errorCode}`)
    if (commit && (commit.publishedSequence === null) !== (endAt === null || interval.end > endAt))
      found.push(`${at}: R33: its commit is ${commit.publishedSequence === null ? 'not published' : 'published'}`)
    if (['done', 'committed', 'accepted'].includes(latest.outcome) && commit?.runId !== latest.runId)
      found.push(`${at}: the newest good run is not committed`)
    const seen = fingerprint(await pinned(latest.runId))
    if (seen !== fingerprint(presentRows.filter(isInside)))
      found.push(`${at}: R27: files changed, and it did not run again`)
  }
  // R19: a redelivery hides what it replaces as soon as its file is there, also where its own time is yet to come.
  const isToCome = (row: Row) => row.event !== null && row.event >= now
  const seen = view.viewKind === 'window' ? [...rows, ...presentRows.filter(isToCome)] : rows
  return { rows: seen, commits, holding: commits.map(holdingCommit) }
}

function fingerprint(rows: readonly Row[]): string {
  return rows
    .map((row) =>
      JSON.stringify(row.columns, (_, value) =>
        typeof value === 'bigint' ? `${value}n` : Object.is(value, -0) ? '-0' : Number.isNaN(value) ? 'NaN' : value,
      ),
    )
    .sort()
    .join('\n')
}

const rulesOf = (self: RandomWorld, view: FeatureViewDefinition): Rules => ({
  visibility: self.shape.visibility,
  within: view.viewKind === 'window' ? self.shape.within : null,
  ttl: view.viewKind === 'lookup' && view.ttl ? parseDuration(view.ttl) : null,
})

const windowsOf = (self: RandomWorld, view: FeatureViewDefinition, { rows, holding }: ViewState) => ({
  ...{ features: view.features as readonly WindowFeature[], source: sourceOf(self.shape).definition },
  ...{ rows, commits: holding, rules: rulesOf(self, view) },
})

/** The row that answers each feature, and that whose time the key has; null: it has none. */
function lookedUp(
  self: RandomWorld,
  view: FeatureViewDefinition,
  { rows, holding }: ViewState,
  key: readonly Value[],
  t: bigint,
) {
  const areTiesSettled = self.shape.visibility === 'event' && !self.shape.hasId
  const newest = (name: string, ttl: bigint | null) =>
    lookup(rowsToLookUp(rows, holding, name, { areTiesSettled }), key, t, { ...rulesOf(self, view), ttl })
  return { newest, valueIn: (name: string, row: Row | null) => row?.columns[columnOf(view, name)] ?? null }
}

const columnOf = (view: FeatureViewDefinition, name: string): string =>
  view.features.find((feature) => feature.name === name)!.column!

/** R29, R32: the newest end whose windows reach nothing that is not committed; `mark`: the newest committed end. */
function expectedEnd(
  view: FeatureViewDefinition,
  commits: readonly Commit[],
): { endAt: Instant | null; missing: string[] } {
  const since = parseInstant(view.since)
  const everyNs = parseDuration(view.every)
  const starts = new Set(commits.map(({ interval }) => interval.start))
  const missingAt = (end: Instant): string[] => {
    const reaches = view.features.map((one) =>
      one.kind !== 'window' ? 0n : one.over === 'lifetime' ? end - since : parseDuration(one.over),
    )
    const reach = reaches.reduce((a, b) => (a > b ? a : b))
    const missing: string[] = []
    for (let start = since; start < end; start += everyNs)
      if (start + everyNs > end - reach && !starts.has(start)) missing.push(formatInstant(start))
    return missing
  }
  const ends = commits
    .map(({ interval }) => interval.end)
    .filter((end) => view.viewKind === 'lookup' || view.onGap === 'mark' || missingAt(end).length === 0)
  const endAt = ends.reduce<Instant | null>((a, b) => (a === null || b > a ? b : a), null)
  return {
    endAt,
    missing: endAt !== null && view.onGap === 'mark' && view.viewKind === 'window' ? missingAt(endAt) : [],
  }
}

async function compareOnline(
  self: RandomWorld,
  view: FeatureViewDefinition,
  state: ViewState,
  found: string[],
): Promise<void> {
  const online = await self.world.ports.online()
  const ledger = await self.world.ports.ledger()
  const named = await ledger.onlineTable({ view: view.name, version: view.version })
  const table = versionTableName(self.project, view, named)
  const bundle = bundleFor((await (await self.world.ports.registry()).current())!.repo, view.name)
  const expected = expectedEnd(view, state.commits)
  if ((await online.describeTable(table)) === null) {
    if (expected.endAt !== null)
      found.push(`${view.name}: no table, though ${formatInstant(expected.endAt)} can be shown`)
    return
  }
  const end = await online.getEnd(table)
  const endText = (at: Instant | null | undefined) => (at == null ? 'none' : formatInstant(at))
  if (endText(end?.endAt) !== endText(expected.endAt))
    found.push(`${view.name}: E is ${endText(end?.endAt)}, not ${endText(expected.endAt)}`)
  const missing = end?.missing.map(({ start }) => start) ?? []
  if (JSON.stringify(missing) !== JSON.stringify(expected.missing))
    found.push(`${view.name}: missing ${missing}, not ${expected.missing}`)
  if (!end || expected.endAt === null) return
  for (const key of [...allKeys, unknownKey]) {
    const [item = null] = await online.getItems(table, [encodeKey(account.definition.keys, key)])
    const shown = shownOf(self, view, state, key, end.endAt)
    const where = `${view.name} ${key}`
    const ttl = view.ttl === null ? null : parseDuration(view.ttl)
    const eventAt = shown?.eventAt ?? end.endAt
    for (const now of ttl === null ? [eventAt] : [eventAt, eventAt + ttl]) {
      const read = assembleVector({ bundle, item, end, now })
      const status = shown === null ? 'missing' : missing.length > 0 ? 'partial' : 'present'
      if (read.status !== status) found.push(`${where}: is ${read.status}, not ${status}`)
      if (shown !== null && read.eventAt !== formatInstant(eventAt))
        found.push(`${where}: event time ${read.eventAt}, not ${formatInstant(eventAt)}`)
      const isExpired = (at: Instant | null) => ttl !== null && at !== null && now - at > ttl
      for (const [name, own] of shown?.features ?? []) {
        const how = isExpired(own.endAt)
          ? 'expired'
          : view.viewKind === 'window' && view.onGap === 'mark'
            ? 'partial'
            : 'held'
        const { status: is = 'as the others', eventAt: at = null } = read.features?.[name] ?? {}
        const told = own.isHeld ? `${how} ${endText(own.endAt)}` : 'as the others none'
        if (`${is} ${at ?? 'none'}` !== told) found.push(`${where} ${name}: R35: is ${is} ${at}, not ${told}`)
      }
      const answer = view.features.map((feature): [string, AnswerOf] => {
        const own = shown?.features.get(feature.name)
        const isThere = own !== undefined && !isExpired(own.endAt)
        return [feature.name, isThere ? own.value : nothingOf(feature, self)]
      })
      compareAnswers(where, read.values, Object.fromEntries(answer), found)
    }
    if (ttl === null || shown === null) continue
    const late = assembleVector({ bundle, item, end, now: eventAt + ttl + 1n })
    if (late.status !== 'expired') found.push(`${where}: is ${late.status} beyond its ttl`)
  }
}

const nothingOf = (feature: Feature, { shape }: RandomWorld): AnswerOf =>
  feature.kind === 'window' ? answerOfRows(feature, sourceOf(shape).definition, []) : null

interface ShownKey {
  readonly eventAt: Instant
  readonly features: ReadonlyMap<string, ShownWindow>
}

/** R22, R29, R35: null: the key is missing. */
function shownOf(
  self: RandomWorld,
  view: FeatureViewDefinition,
  state: ViewState,
  key: readonly Value[],
  endAt: Instant,
): ShownKey | null {
  if (view.viewKind === 'window') {
    const [since, everyNs] = [parseInstant(view.since), parseDuration(view.every)]
    const grid = { since, everyNs, onGap: view.onGap }
    const features = shownWindows({ ...windowsOf(self, view, state), grid, endAt }, key)
    return features && { eventAt: endAt, features }
  }
  const { newest, valueIn } = lookedUp(self, view, state, key, endOfTime)
  const row = newest('', null)
  if (row === null) return null
  const features = view.features.map(({ name }): [string, ShownWindow] => {
    const own = newest(name, null)
    const isHeld = own?.event !== row.event
    return [name, { value: valueIn(name, own), endAt: own?.event ?? null, isHeld }]
  })
  return { eventAt: row.event!, features: new Map(features) }
}

function compareAnswers(
  where: string,
  values: Readonly<Record<string, unknown>>,
  answer: Answer,
  found: string[],
  prefix = '',
): void {
  for (const [name, expected] of Object.entries(answer)) {
    const value = asAnswer(values[prefix + name])
    if (!sameValue(value, expected)) found.push(`${where} ${name}: is ${String(value)}, not ${String(expected)}`)
  }
}

/** R1-R9, R14, R18, R19, R29 through the command's own code. */
async function compareTraining(
  self: RandomWorld,
  states: ReadonlyMap<string, ViewState>,
  now: Instant,
  found: string[],
): Promise<void> {
  const { random, world } = self
  const spine = Array.from({ length: 60 }, (_, at) => {
    const t =
      firstDay -
      day +
      BigInt(Math.floor(random() * 24 * (days + 2))) * hour +
      pick(random, [0n, 0n, 1n, -1n, hour / 2n])
    return { at, key: at % 20 === 19 ? unknownKey : pick(random, allKeys), t }
  })
  const engine = await world.ports.engine()
  const [file, out] = [join(world.dir, 'spine.parquet'), join(world.dir, 'training.parquet')]
  const values = spine.map(
    ({ at, key, t }) =>
      `(${at}, ${key[0]}::BIGINT, '${String(key[1]).replaceAll("'", "''")}', make_timestamp_ns(${t}))`,
  )
  await engine.withSession((session) =>
    session.execute({
      sql: `COPY (SELECT * FROM (VALUES ${values.join(', ')}) v(n, shop, code, "at")) TO '${file}' (FORMAT parquet)`,
    }),
  )
  const features = self.views.map((view) => `${view.name}:*`)
  await trainingSet(await self.context(now), { spine: file, eventTime: 'at', features, out, overwrite: true })
  const rows = await engine.withSession((session) =>
    session.all({ sql: `SELECT * FROM read_parquet('${out}', file_row_number = true) ORDER BY file_row_number` }),
  )
  if (rows.length !== spine.length) found.push(`R14: ${rows.length} rows`)
  for (const { at, key, t } of spine) {
    const row = rows[at]!
    if (Number(row.n) !== at) found.push(`R14: row ${at} is ${row.n}`)
    for (const view of self.views) {
      const state = states.get(view.name)!
      const where = `training ${view.name} ${key} at ${formatInstant(t)}`
      const windows = windowsOf(self, view, state)
      const { newest, valueIn } = lookedUp(self, view, state, key, t)
      const { ttl } = rulesOf(self, view)
      const isThere = newest('', ttl) !== null
      const answer = view.features.map((feature): [string, AnswerOf] => [
        feature.name,
        feature.kind === 'window'
          ? windowAt(windows, feature, key, floor(t, parseDuration(view.tile!)))
          : valueIn(feature.name, isThere ? newest(feature.name, ttl) : null),
      ])
      compareAnswers(where, row, Object.fromEntries(answer), found, `${view.name}__`)
    }
  }
}

const floor = (n: bigint, d: bigint): bigint => n - (((n % d) + d) % d)
