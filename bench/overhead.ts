/**
 * What a run costs the worker when there is nothing to do but to run it: an hour without files, six activities, its ledger, its commit,
 * its publish of nothing. CPU of the whole process, user and system. The peer is a workflow of six empty activities on the same SDK.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { temporalClient } from '../adapters/temporal/client.js'
import { entity, type FeatureRepo, featureView, lookup, parquet, t, window } from '../core/define/index.js'
import type { RunInput } from '../core/ports/run-control.js'
import { formatInstant, parseInstant } from '../core/time/instant.js'
import type { BenchResult } from './bench-result.js'
import { type BenchProject, startBenchStack } from './bench-stack.js'
import { median, rounded } from './figures.js'
import { cpuMsOf } from './process-figures.js'

const goalMs = 150
const rounds = 5
const runsPerRound = 12
const warmUpRuns = 15
const hourNs = 3_600_000_000_000n
const since = parseInstant('2001-01-01T00:00:00Z')
/** The goal's. */
const views = ['lookup', 'windowed'] as const
/** As `windowed`, over an hour of rows that its windows still hold: told beside them. */
const heldView = 'windowed_held'
const allViews = [...views, heldView] as const
const heldRows = 500

type Runner = 'bare' | (typeof allViews)[number]

export async function overhead(): Promise<BenchResult> {
  const stack = await startBenchStack({ withTemporal: true, online: 'dynalite' })
  try {
    const project = await stack.newProject(repoOf('overhead'))
    await mkdir(project.config.sources, { recursive: true })
    await writeFirstHour(project)
    const worker = await project.startWorker()
    const bareWorker = await startBareWorker(project)
    const client = await temporalClient(project.config.temporal)
    const pids: Record<Runner, number> = {
      bare: bareWorker.pid!,
      lookup: worker.pid,
      windowed: worker.pid,
      windowed_held: worker.pid,
    }
    const { taskQueue } = project.config.temporal
    let runs = 0
    const runOnce = async (runner: Runner) => {
      const workflowId = `${runner}-${++runs}`
      if (runner === 'bare')
        return client.workflow.execute('bare', { taskQueue: bareQueue(project), workflowId, args: [] })
      const input = nextHour(runner)
      return client.workflow.execute('run', { taskQueue, workflowId, args: [input] })
    }
    const cpuMs: Record<Runner, number[]> = { bare: [], lookup: [], windowed: [], windowed_held: [] }
    const wallMs: Record<Runner, number[]> = { bare: [], lookup: [], windowed: [], windowed_held: [] }
    const order: Runner[] = ['bare', ...allViews]
    for (const runner of order) for (let run = 0; run < warmUpRuns; run++) await runOnce(runner)
    for (let round = 0; round < rounds; round++) {
      for (const runner of order) {
        const [cpuBefore, startedMs] = [cpuMsOf(pids[runner]), performance.now()]
        for (let run = 0; run < runsPerRound; run++) await runOnce(runner)
        cpuMs[runner].push((cpuMsOf(pids[runner]) - cpuBefore) / runsPerRound)
        wallMs[runner].push((performance.now() - startedMs) / runsPerRound)
      }
      order.push(order.shift()!)
    }
    await client.connection.close()
    bareWorker.disconnect()
    await expectDone(project)
    const perRun = Math.max(...views.map((view) => median(cpuMs[view])))
    const figures = {
      windowedCpuMs: rounded(median(cpuMs.windowed)),
      lookupCpuMs: rounded(median(cpuMs.lookup)),
      windowedHeldCpuMs: rounded(median(cpuMs.windowed_held)),
      bareCpuMs: rounded(median(cpuMs.bare)),
      ratioToBare: rounded(perRun / median(cpuMs.bare), 2),
      windowedCpuMsMax: rounded(Math.max(...cpuMs.windowed)),
      windowedWallMs: rounded(median(wallMs.windowed)),
      bareWallMs: rounded(median(wallMs.bare)),
    }
    const goal = `at most ${goalMs} ms of worker CPU per run without data, median of ${rounds} rounds of ${runsPerRound}`
    return { name: 'overhead', figures, goal, met: perRun <= goalMs }
  } finally {
    await stack.stop()
  }
}

const hours = new Map<string, number>()

function nextHour(view: string): RunInput {
  const hour = hours.get(view) ?? 0
  hours.set(view, hour + 1)
  const start = since + BigInt(hour) * hourNs
  const interval = { start: formatInstant(start), end: formatInstant(start + hourNs) }
  return { view, version: 1, interval, kind: 'scheduled', now: interval.end }
}

/** Each hour went the whole road, and was published. */
async function expectDone({ ports }: BenchProject): Promise<void> {
  const ledger = await ports.ledger()
  for (const view of allViews) {
    const runs = await ledger.runs({ view, limit: 1_000 })
    const wrong = runs.filter(({ outcome, profile, verdict }) => outcome !== 'done' || !profile || !verdict)
    if (wrong.length > 0 || runs.length !== warmUpRuns + rounds * runsPerRound)
      throw new Error(`${view}: ${runs.length} runs, ${wrong.length} of them not done`)
    const last = await ledger.lastPublish({ view, version: 1 })
    if (last?.endAt !== since + BigInt(runs.length) * hourNs) throw new Error(`${view} is not published to its end`)
  }
}

/** Of the view whose windows hold something: below `held/`, where no other view looks. */
async function writeFirstHour({ config, ports }: BenchProject): Promise<void> {
  const dir = join(config.sources, 'held', `h=${formatInstant(since).slice(0, 13)}`)
  await mkdir(dir, { recursive: true })
  const engine = await ports.engine()
  const sql = `COPY (SELECT TIMESTAMP '2001-01-01 00:10:00' AS at, 'user-' || i AS user_id, i::DOUBLE AS amount, i::BIGINT AS items
    FROM range(${heldRows}) t(i)) TO '${join(dir, 'rows.parquet').replaceAll("'", "''")}' (FORMAT parquet)`
  await engine.withSession((session) => session.execute({ sql }))
}

const bareQueue = ({ config }: BenchProject): string => `${config.temporal.taskQueue}-bare`

async function startBareWorker(project: BenchProject): Promise<ChildProcess> {
  const { address, namespace } = project.config.temporal
  const child = fork(
    fileURLToPath(new URL('./bare-worker.ts', import.meta.url)),
    [address, namespace, bareQueue(project)],
    { execArgv: ['--import', 'tsx'] },
  )
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve())
    child.once('exit', (code) => reject(new Error(`the bare worker ended with ${code}`)))
  })
  return child
}

function repoOf(project: string): FeatureRepo {
  const owner = 'bench'
  const user = entity('user', { keys: { user_id: t.string() }, owner, description: 'A user' })
  const columns = {
    schema: { at: t.timestamp(), user_id: t.string(), amount: t.float64().nullable(), items: t.int64() },
    eventTime: 'at',
    ...{ owner, description: 'Sales' },
  } as const
  const sources = ['sales', 'held'].map((name) =>
    parquet(name, { ...columns, path: `${name}/h={yyyy-MM-dd}T{HH}/*.parquet` }),
  )
  const [source, held] = sources as [(typeof sources)[0], (typeof sources)[0]]
  const shared = { version: 1, entity: user, source, since: formatInstant(since), every: '1h', owner } as const
  const lookups = featureView('lookup', {
    ...{ ...shared, description: 'Last sale', ttl: '24h' },
    features: { amount: lookup(), items: lookup() },
  })
  const windows = (name: string, from: typeof source) =>
    featureView(name, {
      ...{ ...shared, source: from, description: 'Sales of a day' },
      features: {
        sales_24h: window.count({ over: '24h' }),
        amount_24h: window.sum('amount', { over: '24h' }),
        items_7d: window.max('items', { over: '7d' }),
      },
    })
  return {
    project,
    entities: [user.definition],
    sources: sources.map(({ definition }) => definition),
    views: [lookups, windows('windowed', source), windows(heldView, held)].map(({ definition }) => definition),
    services: [],
  }
}
