/** Random days of a feature store's life: files that come, change and go, ticks, held runs and what people decide. */
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ActivityDeps } from '../../activities/activity-deps.js'
import { createActivities } from '../../activities/create-activities.js'
import { SystemClock } from '../../adapters/clock/system-clock.js'
import { decide } from '../../cli/commands/decide.js'
import type { CliContext } from '../../cli/context.js'
import type { FeatureViewDefinition } from '../../core/define/definitions.js'
import { formatInstant, type Instant, parseInstant } from '../../core/time/instant.js'
import { type HistoryFile, hour, type SourceShape, sqlValue } from '../reference/generated-history.js'
import type { Row } from '../reference/point-in-time.js'
import { day, firstDay, pick, type Random, randomRepo, randomRows, seededRandom } from './random-source.js'
import type { TestTemporal } from './temporal.js'
import { deliver, openWorld, type Servers, type World } from './world.js'

export const days = 3

export interface RandomWorld {
  /** Of its worker. */
  readonly deps: ActivityDeps
  readonly world: World
  readonly shape: SourceShape
  readonly project: string
  readonly views: readonly FeatureViewDefinition[]
  readonly random: Random
  /** What lies in the source now: path -> etag. */
  readonly present: Map<string, string>
  /** All that ever lay there: `uri etag` -> rows. */
  readonly contents: Map<string, readonly Row[]>
  readonly log: string[]
  /** Removals of files and checks, one after the other: here nothing keeps a file for whoever was told of it, as the grace does elsewhere. */
  alone<T>(work: () => Promise<T>): Promise<T>
  context(now: Instant): Promise<CliContext>
  play(): Promise<Instant>
  close(): Promise<void>
}

const settleMs = 120_000

function oneAfterTheOther(): RandomWorld['alone'] {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const mine = last.then(work)
    last = mine.catch(() => {})
    return mine
  }
}

export async function openRandomWorld(servers: Servers, temporal: TestTemporal, seed: number): Promise<RandomWorld> {
  const random = seededRandom(seed)
  const hasId = seed % 2 === 0
  const shape: SourceShape = {
    visibility: random() < 0.5 ? 'event' : 'created',
    hasTombstone: random() < 0.5,
    hasId,
    within: hasId ? 3n * hour : null,
  }
  const project = `random_${seed}_${Date.now() % 1_000_000}`
  const dir = mkdtempSync(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), `random-${seed}-`))
  const repo = randomRepo(shape)
  const world = await openWorld(servers, project, dir, repo)
  const { ports } = world
  const log = { info: () => {}, warn: () => {}, error: () => {} }
  const deps: ActivityDeps = {
    ...{ ledger: await ports.ledger(), registry: await ports.registry(), lake: await ports.lake() },
    ...{ sources: await ports.sources(), engine: await ports.engine(), online: await ports.online() },
    ...{ clock: new SystemClock(null), log },
    settings: {
      ...{ project, leaseMs: 10_000, publishWaitMs: 3_000, publishPartItems: 3 },
      // Whatever may go goes at once: who still asks for it finds nothing.
      retention: { compactedKeptMs: 0, supersededKeptMs: 1_000_000_000, graceMs: 0 },
      worthwhile: { fanIn: 2n, piecesMin: { shortest: 2, longer: 2 } },
    },
  }
  const worker = await temporal.startWorker(`millcourse-${project}`, createActivities(deps))
  const self: RandomWorld = {
    ...{ deps, world, shape, project, random, views: repo(project).views },
    present: new Map(),
    contents: new Map(),
    log: [JSON.stringify({ ...shape, within: String(shape.within) })],
    alone: oneAfterTheOther(),
    context: async (now) =>
      ({
        ...ports,
        ...{ clock: new SystemClock(now), pretendedNow: formatInstant(now), actor: 'test' },
        progress: { update() {}, line() {}, end() {} },
        signal: new AbortController().signal,
      }) as unknown as CliContext,
    play: () => play(self),
    async close() {
      await worker.stop()
      await world.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
  return self
}

async function play(self: RandomWorld): Promise<Instant> {
  const { random } = self
  let now = firstDay
  const end = firstDay + BigInt(days) * day
  while (now < end) {
    now += pick(random, [12n, 24n, 36n]) * hour
    if (now > end) now = end
    const changes = 1 + Math.floor(random() * 4)
    for (let n = 0; n < changes; n++) await changeSource(self, now)
    if (random() < 0.15) await materializeMiddle(self, now)
    const isSettled = random() < 0.85
    if (isSettled) await settle(self, now)
    await decideSome(self, now, { isSettled, isAcceptAll: false })
    if (random() < 0.6) await compactAll(self, now)
  }
  await settle(self, end + day)
  // R19: an accepted interval that is re-opened by a redelivery is held again.
  for (let round = 0; round < 3; round++) {
    // What is rejected alone may be re-opened, too, and is held as a whole then: not in the last rounds.
    await decideSome(self, end + day, { isSettled: round === 0, isAcceptAll: self.shape.hasId })
    await settle(self, end + day)
  }
  return end + day
}

async function changeSource(self: RandomWorld, now: Instant): Promise<void> {
  const { random, present, world } = self
  const what = random()
  if (what < 0.25 && present.size > 0) {
    const path = pick(random, [...present.keys()])
    await rm(join(world.dir, 'sources', path))
    present.delete(path)
    self.log.push(`${formatInstant(now)} removed ${path}`)
    return
  }
  const daysSoFar = Number((now - firstDay) / day) + 1
  const latest = random() < 0.6 ? daysSoFar - 1 : Math.floor(random() * daysSoFar)
  const isReplaced = what < 0.5 && present.size > 0
  const fresh = `events/${formatInstant(firstDay + BigInt(latest) * day).slice(0, 10)}/${self.contents.size}.parquet`
  const path = isReplaced ? pick(random, [...present.keys()]) : fresh
  const start = parseInstant(`${path.slice(7, 17)}T00:00:00Z`)
  const unit = pick(random, [1n, 1_000n, 1_000_000n])
  const rows = randomRows(random, self.shape, start, unit)
  await writeRows(self, path, { unit, isUtc: random() < 0.5, isNarrow: random() < 0.5, rows })
  self.log.push(`${formatInstant(now)} ${isReplaced ? 'replaced' : 'delivered'} ${path} ${rows.length}`)
}

async function writeRows(self: RandomWorld, path: string, file: HistoryFile): Promise<void> {
  const names = Object.keys(file.rows[0]!.columns)
  const order = file.isNarrow ? names.toReversed() : names
  const columns = order.map((name) => `"${name}"`).join(', ')
  const values = file.rows.map((row) => `(${order.map((name) => sqlValue(name, row.columns[name]!, file)).join(', ')})`)
  const sql = `SELECT ${columns} FROM (VALUES ${values.join(', ')}) AS "v"(${columns})`
  await deliver(await self.world.ports.engine(), join(self.world.dir, 'sources', path), sql)
  const sources = await self.world.ports.sources()
  const head = (await sources.head(path))!
  self.present.set(path, head.etag)
  self.contents.set(`${sources.uri(path)} ${head.etag}`, file.rows)
}

async function materializeMiddle(self: RandomWorld, now: Instant): Promise<void> {
  const view = pick(self.random, self.views)
  const since = parseInstant(view.since)
  const count = Number((now - since) / (12n * hour))
  if (count < 2) return
  const from = since + BigInt(Math.floor(self.random() * count)) * 12n * hour
  const range = { from: formatInstant(from), to: formatInstant(from + 12n * hour) }
  const control = await self.world.ports.runControl()
  await control.tick({ view: view.name, now: formatInstant(now), kind: 'manual', range, runsMax: 5 })
  self.log.push(`${formatInstant(now)} materialized ${view.name} ${range.from}`)
}

async function decideSome(
  self: RandomWorld,
  now: Instant,
  { isSettled, isAcceptAll }: { readonly isSettled: boolean; readonly isAcceptAll: boolean },
): Promise<void> {
  const ledger = await self.world.ports.ledger()
  const context = await self.context(now)
  for (const { name, version, since } of self.views) {
    const range = { start: parseInstant(since), end: now }
    if (range.start >= range.end) continue
    for (const { interval, latestRun, committed } of await ledger.intervalStates({ view: name, version }, range)) {
      const isHeld = latestRun?.outcome === 'held'
      // R35: some are never decided on, and none that may be running again.
      const isHolding = isSettled && committed?.heldFeatures !== undefined && committed.runId === latestRun?.runId
      if (!(isHeld ? isAcceptAll || self.random() < 0.5 : isHolding && self.random() < 0.3)) continue
      const actions = isHeld ? (['accept', 'reject', 'rerun'] as const) : (['accept', 'reject'] as const)
      const action = isHeld && (isAcceptAll || self.shape.hasId) ? 'accept' : pick(self.random, actions)
      await decide(context, `${name}@${formatInstant(interval.start)}`, action, { reason: 'test', wait: true })
      self.log.push(`${formatInstant(now)} ${action} ${name} ${formatInstant(interval.start)}`)
    }
  }
}

/** Twice: what the first one marks the second one removes. */
async function compactAll(self: RandomWorld, now: Instant): Promise<void> {
  const control = await self.world.ports.runControl()
  for (const round of ['marked', 'removed'])
    for (const { name } of self.views) {
      const { compacted, filesMarked, filesRemoved } = await self.alone(() => control.compact({ view: name }))
      self.log.push(
        `${formatInstant(now)} ${round} ${name}: ${compacted} spans, ${filesMarked} marked, ${filesRemoved} gone`,
      )
    }
}

/** Ticks until nothing is due and nothing more can be published; `runsMax` is small, so that much is left for the next tick. */
export async function settle(self: RandomWorld, now: Instant): Promise<void> {
  const [control, ledger] = [await self.world.ports.runControl(), await self.world.ports.ledger()]
  const untilMs = performance.now() + settleMs
  const runsMax = pick(self.random, [3, 50])
  for (let before = ''; ; ) {
    const ticks = await Promise.all(
      self.views.map((view) =>
        control.tick({ view: view.name, now: formatInstant(now), kind: 'scheduled', range: null, runsMax }),
      ),
    )
    const found = ticks.reduce((sum, { started, joined, left }) => sum + started.length + joined.length + left, 0)
    for (;;) {
      const running = await ledger.runs({ outcomes: ['running'], limit: 100 })
      const open = await Promise.all(
        self.views.map((view) => ledger.isPublishOpen({ view: view.name, version: view.version })),
      )
      if (running.length === 0 && !open.includes(true)) break
      if (performance.now() > untilMs)
        throw new Error(`did not settle: ${running.map((run) => `${run.view} ${formatInstant(run.interval.start)}`)}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    const published = await Promise.all(
      self.views.map(async (view) =>
        (await ledger.lastPublish({ view: view.name, version: view.version }))?.sequence.toString(),
      ),
    )
    const unmarked = await Promise.all(
      self.views.map((view) => ledger.unmarkedCommits({ view: view.name, version: view.version })),
    )
    const after = JSON.stringify([published, unmarked])
    if (found === 0 && after === before) break
    before = found === 0 ? after : ''
    if (performance.now() > untilMs) throw new Error(`did not settle: found ${found}, ${after}`)
    if (found === 0) await new Promise((resolve) => setTimeout(resolve, 200))
  }
  self.log.push(`${formatInstant(now)} settled`)
}
