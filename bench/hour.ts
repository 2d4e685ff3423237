/**
 * The hourly run of a view with windows of 1 h, 24 h, 7 d and 30 d, plan to record, beside itself with less history: 31 days fill
 * every window, so whatever 365 cost beyond them is growth with what lies in the lake and the ledger. Steps are called without a
 * scheduler, whose share would hide it.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { versionTableName } from '../core/publish/index.js'
import { formatInstant, parseInstant } from '../core/time/instant.js'
import type { IsoInterval } from '../core/time/interval.js'
import type { BenchResult } from './bench-result.js'
import { startBenchStack } from './bench-stack.js'
import { median, rounded } from './figures.js'
import { writeHistory } from './hour-history.js'
import { dayNs, hourNs, hourRepo, viewKey, writeSales } from './hour-view.js'
import { type RoadStep, roadSteps, type StepCaller, stepCaller } from './step-calls.js'

const histories = (process.env.MILLCOURSE_BENCH_DAYS ?? '1,31,365').split(',').map(Number)
const [shortest, middle, longest] = histories as [number, number, number]
const hoursMeasured = 21
const warmUpHours = 2
const tilesSampled = 24
const ratioMax = 1.1
/** Two rounds of Postgres's autovacuum. */
const statisticsMs = 12_000
const end = parseInstant('2001-12-31T00:00:00Z')

interface History {
  readonly days: number
  readonly caller: StepCaller
  /** Per measured hour. */
  readonly took: Record<RoadStep, number>[]
  readonly tickMs: number[]
}

export async function hour(): Promise<BenchResult> {
  const stack = await startBenchStack({ withTemporal: false, online: 'dynalite' })
  try {
    const sources = `${stack.dir}/sources`
    const open = async (name: string, days: number): Promise<History> => {
      const repo = hourRepo(name, end - BigInt(days) * dayNs)
      const project = await stack.newProject(repo, { MILLCOURSE_SOURCES: sources })
      return { days, caller: await stepCaller(project), took: [], tickMs: [] }
    }
    const measured: History[] = []
    for (const days of histories) measured.push(await open(`days${days}`, days))
    const { engine } = measured[0]!.caller.deps
    for (let at = end - BigInt(longest) * dayNs; at < end; at += dayNs)
      await writeSales(engine, sources, at, at + dayNs)
    for (const { days, caller } of measured) await writeHistory(caller.deps, end - BigInt(days) * dayNs, end)
    await sleep(statisticsMs)
    await measureHours(measured, sources)
    const differing = await compareSampledTiles(await open('real', longest), measured.at(-1)!)
    // Thirty days fill every window; with fewer the values are others, rightly.
    const published = middle > 30 ? await compareOnline(measured) : 0
    if (differing > 0) throw new Error(`${differing} of ${tilesSampled} tiles differ from those of real runs`)
    return resultOf(measured, published)
  } finally {
    await stack.stop()
  }
}

/** Each hour is run in every history, in turns that rotate, so that a busy moment and the page cache favour none. */
async function measureHours(measured: readonly History[], sources: string): Promise<void> {
  const order = [...measured]
  for (let hours = 0; hours < warmUpHours + hoursMeasured; hours++) {
    const start = end + BigInt(hours) * hourNs
    await writeSales(measured[0]!.caller.deps.engine, sources, start, start + hourNs)
    const now = formatInstant(start + hourNs)
    for (const { caller, took, tickMs } of order) {
      const tickStartedMs = performance.now()
      const { due } = await caller.call(`tick-${hours}`, (steps) =>
        steps.planTick({ view: viewKey.view, now, kind: 'scheduled', range: null, runsMax: 24 }),
      )
      const tick = performance.now() - tickStartedMs
      if (due.length !== 1 || due[0]!.end !== now) throw new Error(`${JSON.stringify(due)} is due at ${now}`)
      const steps = await caller.run({ ...viewKey, interval: due[0]!, kind: 'scheduled', now })
      if (hours < warmUpHours) continue
      took.push(steps)
      tickMs.push(tick)
    }
    order.push(order.shift()!)
  }
}

/** Hours spread over the history are run again, the real road, in a project of their own. How many tiles differ in any row. */
async function compareSampledTiles(real: History, bulk: History): Promise<number> {
  const start = end - BigInt(bulk.days) * dayNs
  const step = (BigInt(bulk.days) * 24n) / BigInt(tilesSampled)
  let differing = 0
  for (let sample = 0n; sample < BigInt(tilesSampled); sample++) {
    // Not the same hour of the day each time.
    const at = start + (sample * step + (sample % step)) * hourNs
    const interval: IsoInterval = { start: formatInstant(at), end: formatInstant(at + hourNs) }
    await real.caller.run({ ...viewKey, interval, kind: 'backfill', now: interval.end }, 'committed')
    const [one, other] = await Promise.all(
      [real, bulk].map(async ({ caller: { deps } }) => {
        const [commit] = await deps.ledger.currentCommits(viewKey, { start: at, end: at + hourNs })
        return `SELECT * FROM read_parquet('${deps.lake.uri(commit!.data!.path)}', hive_partitioning = false)`
      }),
    )
    const [row] = await real.caller.deps.engine.withSession((session) =>
      session.all({
        sql: `SELECT (SELECT count(*) FROM (${one})) AS rows, (SELECT count(*) FROM (${one} EXCEPT ALL ${other})) AS missing,
          (SELECT count(*) FROM (${other} EXCEPT ALL ${one})) AS added`,
      }),
    )
    if (row!.rows === 0n || row!.missing !== 0n || row!.added !== 0n) differing += 1
  }
  return differing
}

/** Windows are filled in all but the shortest: the same values must be online. How many keys were compared. */
async function compareOnline(measured: readonly History[]): Promise<number> {
  const items = async ({ caller: { deps } }: History) => {
    const found = new Map<string, string>()
    const view = { name: viewKey.view, version: viewKey.version }
    const table = versionTableName(deps.settings.project, view, await deps.ledger.onlineTable(viewKey))
    for await (const page of deps.online.scan(table))
      for (const { key, values } of page) found.set(hex(key), values === null ? '' : hex(values))
    return found
  }
  const [few, many] = [await items(measured.at(-2)!), await items(measured.at(-1)!)]
  const differing = [...many].filter(([key, values]) => few.get(key) !== values)
  if (few.size !== many.size || differing.length > 0)
    throw new Error(`${differing.length} of ${many.size} keys differ online between ${middle} and ${longest} days`)
  return many.size
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const whole = (steps: Record<RoadStep, number>): number => roadSteps.reduce((sum, step) => sum + steps[step], 0)

function resultOf(measured: readonly History[], keys: number): BenchResult {
  const figures: Record<string, number> = { keys, tilesCompared: tilesSampled }
  for (const { days, took, tickMs } of measured) {
    figures[`days${days}Ms`] = rounded(median(took.map(whole)))
    for (const step of roadSteps) figures[`days${days}_${step}Ms`] = rounded(median(took.map((one) => one[step])), 1)
    figures[`days${days}_tickMs`] = rounded(median(tickMs), 1)
  }
  // Hour by hour, so that what is busy in one hour is so on both sides.
  const ratio = (above: number, below: number) => {
    const [a, b] = [above, below].map((days) => measured.find((one) => one.days === days)!.took.map(whole))
    return rounded(median(a!.map((ms, index) => ms / b![index]!)), 3)
  }
  figures[`ratio${middle}To${shortest}`] = ratio(middle, shortest)
  figures[`ratio${longest}To${middle}`] = ratio(longest, middle)
  const goal = `an hour with ${longest} days of history at most ${ratioMax} x one with ${middle}, median of ${hoursMeasured} hours`
  return { name: 'hour', figures, goal, met: figures[`ratio${longest}To${middle}`]! <= ratioMax && longest === 365 }
}
