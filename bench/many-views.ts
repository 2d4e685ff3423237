/**
 * 500 views of ten features: what a person waits for who plans, applies and looks at runs, as whole processes; first with nothing behind them,
 * then with a year of hourly runs in the ledger. The peer, where it can be had, is `feast apply` of as many views, which makes no Schedule.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { oldestPages } from '../test/support/ledger-history.js'
import type { BenchResult } from './bench-result.js'
import { feastApply } from './feast-peer.js'
import { median, rounded } from './figures.js'
import { historyDays, historyLedger, historyProject, startWithHistory } from './many-views-history.js'
import { featuresPerView, since, viewCount, viewName } from './many-views-repo.js'
import { type ManyViewsStack, startManyViews } from './many-views-stack.js'

const rounds = Number(process.env.MILLCOURSE_BENCH_ROUNDS ?? 5)
const limits = { planMs: 2_000, noopApplyMs: 3_000, firstApplyMs: 30_000, pageMs: 1_000 }
const run = promisify(execFile)

/** With `history` as its argument it writes the year into `MILLCOURSE_BENCH_WORLD`, and measures nothing. */
export async function manyViews(args: readonly string[]): Promise<BenchResult> {
  const given = process.env.MILLCOURSE_BENCH_WORLD
  if (args.includes('history') && !given) throw new Error('MILLCOURSE_BENCH_WORLD says where the history is to lie')
  const dir = await mkdtemp(join(tmpdir(), 'millcourse-bench-'))
  try {
    const world = given ?? join(dir, 'world')
    if (args.includes('history')) {
      const { stack, figures } = await startWithHistory(world, say)
      await stack.stop()
      return { name: 'many-views', figures: { ...figures }, goal: `a year of ${viewCount} views is written`, met: true }
    }
    const { stack: history, figures: past } = await startWithHistory(world, say)
    await history.stop()
    const applied = await measureApply(join(dir, 'new'))
    const feast = await feastApply(join(dir, 'feast'), rounds)
    say(JSON.stringify({ ...applied, ...feast }))
    const seen = await measurePast(world)
    const figures = { views: viewCount, ...applied, ...feast, ...past, ...seen }
    const isWhole = viewCount === 500 && historyDays === 365 && rounds === 5
    const met =
      isWhole &&
      Math.max(figures.planMs, figures.yearPlanMs) < limits.planMs &&
      Math.max(figures.noopApplyMs, figures.yearNoopApplyMs) < limits.noopApplyMs &&
      figures.firstApplyMs < limits.firstApplyMs &&
      Math.max(figures.pageWarmMaxMs, figures.pageColdMaxMs) < limits.pageMs
    const goal = `${viewCount} views x ${featuresPerView}: plan under 2 s, apply of nothing new under 3 s, first apply under 30 s, pages under 1 s with a year behind them; medians of ${rounds}`
    return { name: 'many-views', figures, goal, met }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** Each first apply has a project and a scheduler that know nothing. */
async function measureApply(dir: string) {
  const stack = await startManyViews(dir)
  try {
    const firstApplyMs = await times(async (round) => {
      await stack.restartTemporal()
      const { ms, data } = await stack.command(`many${round}`, ['apply'])
      if (data.schedules?.created.length !== viewCount)
        throw new Error(`apply created ${JSON.stringify(data.schedules)}`)
      return ms
    })
    return { firstApplyMs, ...(await measureNothingNew(stack, `many${rounds}`)) }
  } finally {
    await stack.stop()
  }
}

async function measureNothingNew(stack: ManyViewsStack, project: string) {
  const planMs = await times(async () => (await stack.command(project, ['plan'])).ms)
  const noopApplyMs = await times(async () => {
    const { ms, data } = await stack.command(project, ['apply'])
    if (data.schedules?.unchanged.length !== viewCount) throw new Error('an apply of the same changed something')
    return ms
  })
  return { planMs, noopApplyMs }
}

/** Pages of the year; then the same repo planned and applied with the year behind it. */
async function measurePast(dir: string) {
  const { stack } = await startWithHistory(dir, say)
  try {
    const seen = await measurePages(stack)
    await stack.restartTemporal()
    await stack.command(historyProject, ['apply'])
    const { planMs, noopApplyMs } = await measureNothingNew(stack, historyProject)
    return { ...seen, yearPlanMs: planMs, yearNoopApplyMs: noopApplyMs }
  } finally {
    await stack.stop()
  }
}

/** Of each page the time after a restart of the server with nothing cached, and the median once it is warm. */
async function measurePages(stack: ManyViewsStack) {
  const oldest = await oldestPages(stack.postgresUrl(), historyLedger)
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
    await stack.restartPostgres()
    const isDropped = await dropPageCache()
    const ask = async () => {
      const { ms, data } = await stack.command(historyProject, args)
      if ((data.runs ?? data.incidents ?? data.points ?? []).length === 0)
        throw new Error(`${args.join(' ')} shows none`)
      return ms
    }
    found[`${name}${isDropped ? 'Cold' : 'Restarted'}Ms`] = rounded(await ask())
    found[`${name}Ms`] = await times(ask)
    say(`${name}: ${JSON.stringify(found)}`)
  }
  const [warm, cold] = [[] as number[], [] as number[]]
  for (const [name, ms] of Object.entries(found)) (/(Cold|Restarted)Ms$/.test(name) ? cold : warm).push(ms)
  return { ...found, pageWarmMaxMs: Math.max(...warm), pageColdMaxMs: Math.max(...cold) }
}

async function times(work: (round: number) => Promise<number>): Promise<number> {
  const all: number[] = []
  for (let round = 1; round <= rounds; round++) all.push(await work(round))
  return rounded(median(all))
}

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

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}
