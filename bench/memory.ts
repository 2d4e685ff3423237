/**
 * Two wide hours through a real worker, with the limits of docs/configuration.md as they are: what it holds at most, step by step, and
 * whether a long publish keeps what it has written. Its peer is the same process at rest.
 */
import { execFile } from 'node:child_process'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { temporalClient } from '../adapters/temporal/client.js'
import { entity, type FeatureRepo, featureView, lookup, parquet, t } from '../core/define/index.js'
import { runWorkflowId } from '../core/ports/run-control.js'
import type { BenchResult } from './bench-result.js'
import { type BenchStack, startBenchStack } from './bench-stack.js'
import { median, rounded } from './figures.js'
import { memoryOf, resetPeak } from './process-figures.js'

interface Case {
  readonly name: string
  readonly entities: number
  readonly features: number
  readonly peakMbMax: number
  /** So many online writes are watched; then the run is cancelled. */
  readonly writes: number
}

const cases: readonly Case[] = [
  { name: 'wide', entities: 2_000_000, features: 20, peakMbMax: 1_536, writes: 5_000 },
  { name: 'long', entities: 10_000_000, features: 10, peakMbMax: 2_048, writes: 300_000 },
]
/** Flat: over the last half of the writes a straight line through the samples rises by less than this share of their median. */
const growthMax = 0.05
const sampleEveryMs = 250
const interval = { start: '2001-01-01T00:00:00Z', end: '2001-01-01T01:00:00Z' }
const scale = Number(process.env.MILLCOURSE_BENCH_SCALE ?? 1)

export async function memory(): Promise<BenchResult> {
  const stack = await startBenchStack({ withTemporal: true, online: 'dynamodb-local' })
  const figures: Record<string, number> = {}
  let isMet = scale === 1
  try {
    for (const one of cases) {
      const measured = await measure(stack, one)
      for (const [name, value] of Object.entries(measured.figures)) figures[`${one.name}${name}`] = value
      isMet &&= measured.isMet
    }
  } finally {
    await stack.stop()
  }
  const goal = `2 million entities x 20 features under 1536 MiB, 10 million x 10 under 2048 MiB, plan to recorded delta; rising less than ${growthMax * 100} % over the last half of 300,000 writes`
  return { name: 'memory', figures, goal, met: isMet }
}

interface Sample {
  readonly rssBytes: number
  readonly activity: string | null
  /** Items acknowledged; null: not writing yet. */
  readonly items: number | null
}

async function measure(stack: BenchStack, { name, entities, features, peakMbMax, writes }: Case) {
  const count = Math.round(entities * scale)
  const project = await stack.newProject(repoOf(name, features))
  const file = join(project.config.sources, 'events/h=2001-01-01T00/part-0.parquet')
  await mkdir(join(file, '..'), { recursive: true })
  const writer = fileURLToPath(new URL('./wide-source.ts', import.meta.url))
  await promisify(execFile)(process.execPath, ['--import', 'tsx', writer, file, String(count), String(features)])
  const worker = await project.startWorker()
  const restBytes = memoryOf(worker.pid).rssBytes
  resetPeak(worker.pid)
  const control = await project.ports.runControl()
  const startedMs = performance.now()
  await control.tick({ view: 'events', now: interval.end, kind: 'manual', range: null, runsMax: 1 })
  const client = await temporalClient(project.config.temporal)
  const handle = client.workflow.getHandle(runWorkflowId({ project: name, view: 'events', version: 1 }, interval.start))
  const peaks = new Map<string, number>()
  const whileWriting: Sample[] = []
  let recordedMs = 0
  let peakBytes = 0
  try {
    for (;;) {
      const sample = { ...(await progressOf(handle)), rssBytes: memoryOf(worker.pid).rssBytes }
      const step = sample.items === null ? (sample.activity ?? 'between') : 'writes'
      peaks.set(step, Math.max(peaks.get(step) ?? 0, sample.rssBytes))
      if (sample.items === null) peakBytes = memoryOf(worker.pid).peakBytes
      else {
        recordedMs ||= performance.now() - startedMs
        whileWriting.push(sample)
        if (sample.items >= Math.min(writes, count)) break
      }
      await sleep(sampleEveryMs)
    }
    await handle.cancel()
    await handle.result().catch(() => undefined)
  } finally {
    await client.connection.close()
    await worker.stop()
  }
  const last = whileWriting.filter(({ items }) => items! >= writes / 2)
  const growth = growthOver(last)
  const megabytes = (bytes: number) => rounded(bytes / 2 ** 20)
  const [run] = await (await project.ports.ledger()).runs({ limit: 1 })
  if (run?.candidate?.counts.kept !== count)
    throw new Error(`${name}: ${run?.candidate?.counts.kept} rows were kept of ${count}`)
  await rm(join(stack.dir, name), { recursive: true, force: true })
  return {
    figures: {
      RestMb: megabytes(restBytes),
      PeakMb: megabytes(peakBytes),
      WritesPeakMb: megabytes(peaks.get('writes') ?? 0),
      SecondsToDelta: rounded(recordedMs / 1000),
      WritesGrowthPercent: rounded(growth * 100, 1),
      ...Object.fromEntries(
        [...peaks].filter(([step]) => step !== 'writes').map(([step, bytes]) => [`_${step}Mb`, megabytes(bytes)]),
      ),
    },
    isMet: peakBytes < peakMbMax * 2 ** 20 && (writes < 100_000 || growth < growthMax),
  }
}

/** The line of least squares through the samples, its rise from first to last as a share of their median. */
function growthOver(samples: readonly Sample[]): number {
  const n = samples.length
  if (n < 3) return 0
  const middle = (n - 1) / 2
  const mean = samples.reduce((sum, { rssBytes }) => sum + rssBytes, 0) / n
  const slope =
    samples.reduce((sum, { rssBytes }, at) => sum + (at - middle) * (rssBytes - mean), 0) /
    samples.reduce((sum, _, at) => sum + (at - middle) ** 2, 0)
  return (slope * (n - 1)) / median(samples.map(({ rssBytes }) => rssBytes))
}

type Handle = ReturnType<Awaited<ReturnType<typeof temporalClient>>['workflow']['getHandle']>

/** The step under way, and how far its publish says it is: what its heartbeat holds. */
async function progressOf(handle: Handle): Promise<Pick<Sample, 'activity' | 'items'>> {
  const { raw, status } = await handle.describe()
  if (status.name !== 'RUNNING') throw new Error(`the run ended as ${status.name}: see the worker's log`)
  const [pending] = raw.pendingActivities ?? []
  const data = pending?.heartbeatDetails?.payloads?.[0]?.data
  const cursor = data?.length ? (JSON.parse(Buffer.from(data).toString()) as { items?: number } | null) : null
  return { activity: pending?.activityType?.name ?? null, items: cursor?.items ?? null }
}

function repoOf(project: string, features: number): FeatureRepo {
  const owner = 'bench'
  const user = entity('user', { keys: { user_id: t.string() }, owner, description: 'A user' })
  const names = Array.from({ length: features }, (_, index) => `f${index}`)
  const columns = names.map((name, index) => [name, index % 5 === 4 ? t.int64() : t.float64().nullable()] as const)
  const source = parquet('events', {
    path: 'events/h={yyyy-MM-dd}T{HH}/*.parquet',
    schema: { at: t.timestamp(), user_id: t.string(), ...Object.fromEntries(columns) },
    eventTime: 'at',
    owner,
    description: 'Events',
  })
  const view = featureView('events', {
    ...{ version: 1, entity: user, source, since: interval.start, every: '1h', owner, description: 'Newest event' },
    features: Object.fromEntries(names.map((name) => [name, lookup()])) as never,
  })
  return {
    project,
    entities: [user.definition],
    sources: [source.definition],
    views: [view.definition],
    services: [],
  }
}
