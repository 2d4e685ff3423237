/**
 * What every drill has to leave behind it, once the world has come to rest: in the ledger no interval is missing, in the lake lie the rows of
 * the sources, online stands what follows from them, and nothing went back.
 */
import { bundleFor } from '../../core/define/bundle.js'
import type { ViewBundle } from '../../core/define/definitions.js'
import { encodeKey } from '../../core/publish/index.js'
import { assembleVector } from '../../core/serve/index.js'
import { formatInstant, instantFromMs, instantToMs } from '../../core/time/instant.js'
import type { Check } from '../drill.js'
import type { DrillWorld } from '../world/drill-world.js'
import { type EventRow, users } from '../world/events.js'
import { observeViews, tableOf, type ViewSeen } from './observe.js'
import { latestAt, onceEach, totalsAt } from './reference.js'

export async function checkWorld(
  world: DrillWorld,
  before: ReadonlyMap<string, ViewSeen>,
  /** Every interval that ends by then has to be published. */
  dueMs: number,
): Promise<Check[]> {
  const after = await observeViews(world)
  const rows = onceEach(world.producer.rows())
  return [
    { what: 'ledger: no interval is missing', differences: await missingIntervals(world, after, dueMs) },
    { what: 'lake: the rows of the sources, and no others', differences: await lakeDifferences(world, rows) },
    { what: 'online: what follows from the sources', differences: await onlineDifferences(world, after, rows) },
    { what: 'online: nothing went back', differences: wentBack(before, after) },
  ]
}

async function missingIntervals(
  { ports, views, sinceMs, pace: { everyMs } }: DrillWorld,
  after: ReadonlyMap<string, ViewSeen>,
  dueMs: number,
): Promise<string[]> {
  const ledger = await ports.ledger()
  const differences: string[] = []
  for (const view of views) {
    const endMs = after.get(view)?.endMs ?? sinceMs
    if (endMs < dueMs) differences.push(`${view} is published up to ${iso(endMs)}, not ${iso(dueMs)}`)
    const states = await ledger.intervalStates(
      { view, version: 1 },
      { start: instantFromMs(sinceMs), end: instantFromMs(endMs) },
    )
    const known = new Map(states.map((state) => [instantToMs(state.interval.start), state]))
    for (let startMs = sinceMs; startMs < endMs; startMs += everyMs) {
      const { committed = null, latestRun } = known.get(startMs) ?? {}
      if (committed === null || !committed.isPublished)
        differences.push(`${view} ${iso(startMs)} is ${latestRun?.outcome ?? 'missing'}, not published`)
    }
  }
  return differences
}

async function lakeDifferences(
  { ports, stack, environment, sinceMs }: DrillWorld,
  rows: readonly EventRow[],
): Promise<string[]> {
  const [ledger, lake] = [await ports.ledger(), await ports.lake()]
  const engine = environment.MILLCOURSE_LAKE!.startsWith('s3://') ? await ports.engine() : stack.engine
  const range = { start: instantFromMs(sinceMs), end: instantFromMs(Date.now()) }
  const differences: string[] = []
  for (const { interval, data } of await ledger.currentCommits({ view: 'latest', version: 1 }, range)) {
    const found =
      data === null ? [] : await engine.withSession((session) => session.all({ sql: rowsSql(lake.uri(data.path)) }))
    const [startMs, endMs] = [instantToMs(interval.start), instantToMs(interval.end)]
    const expected = rows
      .filter(({ atMs }) => atMs >= startMs && atMs < endMs)
      .map(({ userId, amount, item }) => `${userId} ${amount} ${item}`)
    const lies = found.map(({ user_id, amount, item }) => `${user_id} ${amount} ${item}`)
    if (lies.sort().join() !== expected.sort().join())
      differences.push(
        `latest ${iso(startMs)} has ${lies.join(', ') || 'nothing'}, the sources ${expected.join(', ') || 'nothing'}`,
      )
  }
  return differences
}

const rowsSql = (uri: string) => `SELECT user_id, amount, item FROM read_parquet('${uri.replaceAll("'", "''")}')`

async function onlineDifferences(
  world: DrillWorld,
  after: ReadonlyMap<string, ViewSeen>,
  rows: readonly EventRow[],
): Promise<string[]> {
  const applied = await (await world.ports.registry()).current()
  const online = await world.ports.online()
  const differences: string[] = []
  for (const view of world.views) {
    const bundle: ViewBundle = bundleFor(applied!.repo, view)
    const end = await online.getEnd(await tableOf(world, view))
    if (end === null) {
      differences.push(`${view}: nothing is published`)
      continue
    }
    const endMs = instantToMs(end.endAt)
    const { items } = after.get(view)!
    for (let userId = 1; userId <= users; userId++) {
      const key = Buffer.from(encodeKey(bundle.entity.keys, [BigInt(userId)])).toString('hex')
      const read = assembleVector({ bundle, item: items.get(key) ?? null, end, now: end.endAt })
      const lies = Object.fromEntries(Object.entries(read.values).map(([name, value]) => [name, text(value)]))
      const expected =
        view === 'totals'
          ? totalsAt(rows, userId, endMs, world.pace.everyMs)
          : (latestAt(rows, userId, endMs) ?? { item: null, amount: null })
      for (const [name, value] of Object.entries(expected))
        if (lies[name] !== value) differences.push(`${view}.${name} of user ${userId} is ${lies[name]}, not ${value}`)
    }
    if (items.size > users) differences.push(`${view} has ${items.size} keys online, the sources ${users}`)
  }
  return differences
}

/** Keys, event times, sequences, ends: each may only rise. */
function wentBack(before: ReadonlyMap<string, ViewSeen>, after: ReadonlyMap<string, ViewSeen>): string[] {
  const differences: string[] = []
  for (const [view, was] of before) {
    const is = after.get(view)!
    if ((is.endMs ?? 0) < (was.endMs ?? 0))
      differences.push(`${view} was published up to ${iso(was.endMs!)}, is up to ${is.endMs && iso(is.endMs)}`)
    for (const [key, item] of was.items) {
      const now = is.items.get(key)
      if (now === undefined) differences.push(`${view}: item ${key} is gone`)
      else if (now.sequence < item.sequence) differences.push(`${view}: item ${key} has an older sequence`)
      else if ((now.eventAt ?? 0n) < (item.eventAt ?? 0n))
        differences.push(`${view}: item ${key} has an older event time`)
    }
  }
  return differences
}

function text(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value)
}

function iso(ms: number): string {
  return formatInstant(instantFromMs(ms))
}
