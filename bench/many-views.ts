/**
 * 500 views of ten features: what a person waits for who plans, applies and looks at runs, as whole processes; first with nothing behind them,
 * then with a year of hourly runs in the ledger. The peer, where it can be had, is `feast apply` of as many views, which makes no Schedule.
 */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startDynalite } from '../adapters/embedded/embedded-dynalite.js'
import { startEmbeddedPostgres } from '../adapters/embedded/embedded-postgres.js'
import { startEmbeddedTemporal } from '../adapters/embedded/embedded-temporal.js'
import { oldestPages, writeLedgerHistory } from '../test/support/ledger-history.js'
import { readConfig } from '../workers/config.js'
import { openStackPorts } from '../workers/stack-ports.js'
import type { BenchResult } from './bench-result.js'
import { feastApply } from './feast-peer.js'
import { median, rounded } from './figures.js'
import { writePatterns } from './many-views-patterns.js'
import { featuresPerView, since, viewCount, viewName, writeManyViews } from './many-views-repo.js'

const rounds = Number(process.env.MILLCOURSE_BENCH_ROUNDS ?? 5)
const days = Number(process.env.MILLCOURSE_BENCH_DAYS ?? 365)
const sketchedDays = 90
const limits = { planMs: 2_000, noopApplyMs: 3_000, firstApplyMs: 30_000, pageMs: 1_000 }
const cli = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
const run = promisify(execFile)
/** While a year is written: what is lost in a crash is written again. */
const writing = { fsync: 'off', wal_level: 'minimal', max_wal_senders: '0', autovacuum: 'off', max_wal_size: '8GB' }

export async function manyViews(): Promise<BenchResult> {
  const dir = await mkdtemp(join(tmpdir(), 'millcourse-bench-'))
  const stops: (() => Promise<unknown>)[] = [() => rm(dir, { recursive: true, force: true })]
  const say = (line: string) => process.stderr.write(`${line}\n`)
  try {
    const repo = join(dir, 'repo')
    await writeManyViews(repo, 'many')
    const startPostgres = (settings: Readonly<Record<string, string>> = {}) =>
      startEmbeddedPostgres({ dir: join(dir, 'postgres'), settings: { shared_buffers: '1GB', ...settings } })
    let postgres = await startPostgres()
    const online = await startDynalite({ folder: join(dir, 'dynalite'), port: 0 })
    stops.push(
      () => online.stop(),
      () => postgres.stop(),
    )
    const startTemporal = (round: number) =>
      startEmbeddedTemporal({
        env: process.env,
        dbFile: join(dir, `temporal${round}.db`),
        logFile: join(dir, 'temporal.log'),
        withUi: false,
      })
    let temporal = await startTemporal(0)
    stops.push(() => temporal.stop())
    const environment = (project: string) => ({
      ...{ PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', MILLCOURSE_PROJECT: project },
      ...{ MILLCOURSE_POSTGRES_URL: postgres.url, MILLCOURSE_LAKE: join(dir, 'lake') },
      ...{ MILLCOURSE_SOURCES: join(dir, 'sources'), MILLCOURSE_SPILL_DIR: join(dir, 'spill') },
      ...{ MILLCOURSE_DYNAMODB_ENDPOINT: online.endpoint, TEMPORAL_ADDRESS: temporal.address },
      MILLCOURSE_LOG_LEVEL: 'warn',
    })
    const command = async (project: string, args: readonly string[]) => {
      const startedMs = performance.now()
      const options = { cwd: repo, env: environment(project), maxBuffer: 2 ** 26 }
      const { stdout } = await run(process.execPath, [cli, ...args, '--json'], options)
      return { ms: performance.now() - startedMs, data: JSON.parse(stdout) }
    }
    const times = async (work: (round: number) => Promise<number>) => {
      const all: number[] = []
      for (let round = 1; round <= rounds; round++) all.push(await work(round))
      return rounded(median(all))
    }

    // Each first apply has a database and a scheduler that know nothing.
    const firstApplyMs = await times(async (round) => {
      await temporal.stop()
      temporal = await startTemporal(round)
      const project = round === rounds ? 'many' : `many${round}`
      await writeFile(join(repo, 'millcourse.json'), `${JSON.stringify({ project })}\n`)
      const { ms, data } = await command(project, ['apply'])
      if (data.schedules.created.length !== viewCount)
        throw new Error(`apply created ${JSON.stringify(data.schedules)}`)
      return ms
    })
    const planMs = await times(async () => (await command('many', ['plan'])).ms)
    const noopApplyMs = await times(async () => {
      const { ms, data } = await command('many', ['apply'])
      if (data.schedules.unchanged.length !== viewCount) throw new Error('an apply of the same changed something')
      return ms
    })
    const feast = await feastApply(join(dir, 'feast'), rounds)
    say(JSON.stringify({ firstApplyMs, planMs, noopApplyMs, ...feast }))

    await writeThePast()
    const figures = { views: viewCount, firstApplyMs, planMs, noopApplyMs, ...feast, ...past, ...(await pages()) }
    const isWhole = viewCount === 500 && days === 365 && rounds === 5
    const met =
      isWhole &&
      planMs < limits.planMs &&
      noopApplyMs < limits.noopApplyMs &&
      firstApplyMs < limits.firstApplyMs &&
      Math.max(figures.pageWarmMaxMs, figures.pageColdMaxMs) < limits.pageMs
    const goal = `${viewCount} views x ${featuresPerView}: plan under 2 s, apply of nothing new under 3 s, first apply under 30 s, pages under 1 s with a year behind them; medians of ${rounds}`
    return { name: 'many-views', figures, goal, met }

    async function writeThePast() {
      const config = readConfig(environment('many'))
      const ports = openStackPorts(() => config)
      await mkdir(config.sources, { recursive: true })
      await writePatterns({ config, ports }, [viewName(0), viewName(1)], since)
      await ports.close()
      await postgres.stop()
      postgres = await startPostgres(writing)
      past = await writeLedgerHistory(
        {
          ...{ url: postgres.url, schema: 'millcourse_many' },
          views: Array.from({ length: viewCount }, (_, index) => viewName(index)),
          patterns: { latest: viewName(0), windowed: viewName(1) },
          ...{ sinceSeconds: Date.parse(since) / 1_000, hours: days * 24, sketchedHours: sketchedDays * 24 },
        },
        say,
      )
    }

    /** Of each page the time after a restart of the server with nothing cached, and the median once it is warm. */
    async function pages() {
      const oldest = await oldestPages(postgres.url, 'millcourse_many')
      const asked: Readonly<Record<string, readonly string[]>> = {
        runs: ['runs'],
        runsOldest: ['runs', '--before', oldest.run],
        runsOfView: ['runs', '--view', viewName(7)],
        runsFailed: ['runs', '--outcome', 'failed,held'],
        runsOfViewFailed: ['runs', '--view', viewName(7), '--outcome', 'failed'],
        incidents: ['incidents'],
        incidentsAll: ['incidents', '--all'],
        incidentsOldest: ['incidents', '--all', '--before', oldest.incident],
        quality: ['quality', viewName(7)],
        qualityOldest: ['quality', viewName(7), '--from', since, '--to', '2025-01-08T00:00:00Z'],
      }
      const found: Record<string, number> = {}
      for (const [name, args] of Object.entries(asked)) {
        await postgres.stop()
        const isDropped = await dropPageCache()
        postgres = await startPostgres()
        found[`${name}${isDropped ? 'Cold' : 'Restarted'}Ms`] = rounded((await command('many', args)).ms)
        found[`${name}Ms`] = await times(async () => (await command('many', args)).ms)
        say(`${name}: ${JSON.stringify(found)}`)
      }
      const [warm, cold] = [[] as number[], [] as number[]]
      for (const [name, ms] of Object.entries(found)) (/(Cold|Restarted)Ms$/.test(name) ? cold : warm).push(ms)
      return { ...found, pageWarmMaxMs: Math.max(...warm), pageColdMaxMs: Math.max(...cold) }
    }
  } finally {
    for (const stop of stops.reverse()) await stop()
  }
}

let past = { runs: 0, seconds: 0, databaseGiB: 0 }

/** False: this machine does not let us; then only the server's own cache is cold. */
async function dropPageCache(): Promise<boolean> {
  try {
    await run('sync')
    await writeFile('/proc/sys/vm/drop_caches', '3')
    return true
  } catch {
    return false
  }
}
