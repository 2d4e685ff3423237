/**
 * A day of an unlucky team in minutes: fifty views whose hour is half a minute, on real processes that are killed, over a store that throttles,
 * with a backfill among them. At the end what there is has to be what a sequential reference makes of the delivered files.
 */
import { cp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { parseDuration } from '../core/time/duration.js'
import type { BenchResult } from './bench-result.js'
import { rounded } from './figures.js'
import { compareSoak } from './soak/compare-soak.js'
import { keptMemory } from './soak/kept-memory.js'
import { type Growth, growthOf, type ProcessLife } from './soak/memory-lives.js'
import { playSoak } from './soak/play-soak.js'
import { settleSoak } from './soak/settle-soak.js'
import { describeFault, planSoak, type SoakProcess } from './soak/soak-plan.js'
import { wholeSources } from './soak/soak-views.js'
import { openSoakWorld, type SoakWorld } from './soak/soak-world.js'

const growthMaxMibPerMinute = 1
const wholeMinutes = 10

export async function soak(args: readonly string[]): Promise<BenchResult> {
  const { seed, minutes, everyMs, sources, isHeapSeen } = readArguments(args)
  const durationMs = minutes * 60_000
  const faults = planSoak(seed, { durationMs, everyMs, sources })
  const again = `--seed ${seed} --minutes ${minutes} --every ${everyMs / 1_000}s --sources ${sources}`
  say(`seed ${seed}: npm run bench -- soak ${again} plays it again`)
  for (const fault of faults) say(`  ${describeFault(fault)}`)
  const world = await openSoakWorld({
    ...{ seed, everyMs, sources, say },
    settingsOf: isHeapSeen ? heapSettings : () => ({}),
  })
  try {
    const startedMs = Date.now()
    say(`${world.repo.views.length} views, an interval of ${everyMs / 1_000} s; ${world.dir}`)
    const played = await playSoak(world, { seed, faults, durationMs, say })
    const endedMs = Date.now()
    const dueMs = Math.floor(endedMs / everyMs) * everyMs
    say('the faults are over; what was due is waited for')
    const settled = await settleSoak(world, dueMs, say)
    say('at rest; compared with the reference')
    const compared = await compareSoak(world, dueMs)
    const { lives } = world.children
    const lived = { startedMs, endedMs, everyMs }
    const growths = judgeMemory(lives, lived, 'highest')
    for (const growth of growths) say(describeGrowth(growth))
    const kept = isHeapSeen ? judgeMemory(await keptMemory(lives, world.logDir), lived, 'lowest') : []
    for (const growth of kept) say(`keeps after a collection: ${describeGrowth(growth)}`)
    const isWhole = minutes >= wholeMinutes && sources >= wholeSources
    const grown = growths.filter(isGrowing)
    for (const growth of growths.filter(isUnsure))
      say(`so short a soak cannot tell whether it grows; one with --minutes 30 can: ${growth.name}`)
    const broken = [
      ...played.broken,
      ...world.children.deaths,
      ...settled.left,
      ...compared.differences,
      ...(isWhole ? grown.map((growth) => `grows: ${describeGrowth(growth)}`) : []),
    ]
    if (broken.length > 0) say(`kept: ${await keepWorld(world, seed)}`)
    const runs = await (await world.ports.ledger()).runs({ limit: 100_000 })
    const opened = world.receiver.heard.filter(({ event }) => event === 'opened')
    for (const { key, summary } of opened) say(`was told: ${key}: ${summary}`)
    return {
      name: 'soak',
      figures: {
        seed,
        minutes,
        views: world.repo.views.length,
        hoursLived: Math.floor((dueMs - world.shape.sinceMs) / everyMs),
        runs: runs.length,
        intervals: compared.intervals,
        kills: played.kills,
        startsFailed: world.children.startsFailed(),
        throttledRequests: played.throttledRequests,
        lateFiles: played.lateFiles,
        reads: played.reads,
        readsFailed: played.readsFailed,
        incidentsOpened: opened.length,
        settledSeconds: rounded(settled.settledMs / 1_000),
        lakeRows: compared.lakeRows,
        onlineValues: compared.onlineValues,
        trainingValues: compared.trainingValues,
        growthUnsure: growths.filter(isUnsure).length,
        ...Object.assign({}, ...growths.map((growth) => growthFigures(growth))),
        ...Object.assign({}, ...kept.map((growth) => growthFigures(growth, 'Kept'))),
      },
      goal: `ledger, lake and online as the reference says, no interval missing, no incident open, the peaks of every process grow less than ${growthMaxMibPerMinute} MiB a minute over the last half`,
      met: broken.length === 0 && isWhole,
      broken,
    }
  } finally {
    await world.close()
  }
}

function readArguments(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      minutes: { type: 'string', default: String(wholeMinutes) },
      every: { type: 'string', default: '30s' },
      /** Fewer than seven try it in small. */
      sources: { type: 'string', default: String(wholeSources) },
      heap: { type: 'boolean', default: false },
    },
    allowPositionals: false,
  })
  const seed = values.seed === undefined ? Math.floor(Math.random() * 1_000_000) : Number(values.seed)
  const minutes = Number(values.minutes)
  if (!Number.isSafeInteger(seed) || !(minutes >= 1)) throw new Error('--seed is a whole number, --minutes at least 1')
  const everyMs = Number(parseDuration(values.every) / 1_000_000n)
  return { seed, minutes, everyMs, sources: Number(values.sources), isHeapSeen: values.heap }
}

function judgeMemory(
  lives: readonly ProcessLife[],
  { startedMs, endedMs, everyMs }: { startedMs: number; endedMs: number; everyMs: number },
  point: 'highest' | 'lowest',
) {
  const halfMs = (endedMs - startedMs) / 2
  const rules = {
    ...{ fromMs: startedMs + halfMs, untilMs: endedMs, spanMs: 2 * everyMs, point },
    ...{ settlingMs: 0.6 * halfMs, livedMsMin: 0.4 * halfMs },
  }
  return lives.map((life) => growthOf(life, rules)).filter((growth) => growth !== null)
}

/** Beyond what the ups and downs of its peaks make of a level line. */
function isGrowing({ mibPerMinute, plusMinus }: Growth): boolean {
  return mibPerMinute >= growthMaxMibPerMinute && mibPerMinute > (plusMinus ?? 0)
}

function isUnsure(growth: Growth): boolean {
  return !isGrowing(growth) && growth.mibPerMinute + (growth.plusMinus ?? Infinity) >= growthMaxMibPerMinute
}

function describeGrowth({ name, pid, fromMs, untilMs, firstMib, lastMib, mibPerMinute, plusMinus }: Growth): string {
  const interval = plusMinus === null ? 'no interval' : `±${plusMinus.toFixed(2)}`
  const seconds = Math.round((untilMs - fromMs) / 1_000)
  return `${name} (${pid}): ${mibPerMinute.toFixed(2)} ${interval} MiB a minute over ${seconds} s, ${firstMib.toFixed(0)} to ${lastMib.toFixed(0)} MiB`
}

function growthFigures(
  { name, mibPerMinute, plusMinus, lastMib, fromMs, untilMs }: Growth,
  what = '',
): Record<string, number> {
  const id = `${name.replace('-', '')}${what}`
  return {
    [`${id}MibPerMinute`]: rounded(mibPerMinute, 2),
    [`${id}PlusMinus`]: plusMinus === null ? -1 : rounded(plusMinus, 2),
    [`${id}JudgedSeconds`]: rounded((untilMs - fromMs) / 1_000),
    [`${id}Mib`]: rounded(lastMib),
  }
}

/** Loaded into the process before its own code: what of its memory is whose, each few seconds, beside its log. */
function heapSettings(name: SoakProcess, logDir: string): Record<string, string> {
  const program = new URL('./soak/heap-log.mjs', import.meta.url).pathname
  return { NODE_OPTIONS: `--import ${program}`, SOAK_HEAP_LOG: join(logDir, `${name}.heap.jsonl`) }
}

/** Logs, sources, lake, the training set: what a difference is looked for in. */
async function keepWorld({ dir }: SoakWorld, seed: number): Promise<string> {
  const kept = join(tmpdir(), `millcourse-soak-${seed}`)
  await rm(kept, { recursive: true, force: true })
  await cp(dir, kept, { recursive: true })
  return kept
}

function say(text: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`)
}
