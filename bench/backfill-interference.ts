/**
 * How late scheduled runs are while a large backfill runs on the same workers: a dozen views, and the one that is backfilled, are ticked on
 * time, hour after hour under a compressed clock, in rounds with the backfill and without in turns, where it is open, too, and paused. Before
 * the last ticks of a round it ends, so that its publish is beside those. Lateness is from the tick until the hour's end is seen online.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { BenchResult } from './bench-result.js'
import { startBenchStack } from './bench-stack.js'
import { median, quantile, rounded } from './figures.js'
import {
  checkItems,
  historyHours,
  historyView,
  interferenceRepo,
  tickedViews,
  writeHistory,
  writeHour,
} from './interference-world.js'
import { startLargeBackfill } from './large-backfill.js'
import { tickHour } from './tick-hour.js'

const rounds = Number(process.env.MILLCOURSE_BENCH_ROUNDS ?? 3)
const ticksPerRound = Number(process.env.MILLCOURSE_BENCH_TICKS ?? 6)
const tickEveryMs = 8_000
/** Its last ones: the backfill's publish is beside them, its runs beside those before. */
const ticksBesidePublish = 2
const warmUpHours = 2
const ratioMax = 1.1

type Mode = 'without' | 'with'

export async function backfillInterference(): Promise<BenchResult> {
  const stack = await startBenchStack({ withTemporal: true, online: 'dynalite' })
  try {
    const project = await stack.newProject(interferenceRepo('interference'))
    const [ledger, engine] = [await project.ports.ledger(), await project.ports.engine()]
    await writeHistory(engine, project.config.sources)
    await Promise.all([project.startWorker(), project.startWorker()])
    let hour = 0
    const tick = async (): Promise<number[]> => {
      await writeHour(engine, project.config.sources, hour)
      return await tickHour(project, hour++)
    }
    // Before the first tick, which would run that past.
    let large = await startLargeBackfill(project)
    for (let at = 0; at < warmUpHours; at++) await tick()
    const latenessMs: Record<Mode, number[][]> = { without: [], with: [] }
    const ofBackfilled: Record<Mode, number[]> = { without: [], with: [] }
    const order: Mode[] = ['without', 'with']
    for (let round = 0; round < rounds; round++) {
      for (const mode of order) {
        if (mode === 'with') await large.goOn()
        const late: number[] = []
        for (let at = 0; at < ticksPerRound; at++) {
          // One that was over before the round is no backfill beside it.
          if (mode === 'with' && at === Math.max(0, ticksPerRound - ticksBesidePublish)) await large.endUnderWay()
          const startedMs = performance.now()
          const ofViews = await tick()
          late.push(...ofViews)
          ofBackfilled[mode].push(ofViews[tickedViews.indexOf(historyView)]!)
          await sleep(Math.max(0, tickEveryMs - (performance.now() - startedMs)))
        }
        latenessMs[mode].push(late)
        if (mode === 'without') continue
        await large.untilEnded()
        large = await startLargeBackfill(project)
      }
      order.reverse()
    }
    await large.endUnderWay()
    await large.untilEnded()
    const ran = await ledger.runs({ view: historyView, outcomes: ['done'], limit: historyHours })
    const runs = ran.filter(({ kind }) => kind === 'backfill')
    if (runs.length === 0) throw new Error('no run of a backfill was beside the ticks')
    const items = await checkItems(project, hour)
    const p95 = (mode: Mode) => median(latenessMs[mode].map((late) => quantile(late, 0.95)))
    const chunkMs = median(runs.map(({ measures }) => measures!.durationMs))
    const allowedMs = Math.max(ratioMax * p95('without'), p95('without') + chunkMs)
    const figures = {
      withP95Ms: rounded(p95('with')),
      withoutP95Ms: rounded(p95('without')),
      withMedianMs: rounded(median(latenessMs.with.flat())),
      withoutMedianMs: rounded(median(latenessMs.without.flat())),
      withBackfilledMs: rounded(Math.max(...ofBackfilled.with)),
      withoutBackfilledMs: rounded(Math.max(...ofBackfilled.without)),
      chunkMs: rounded(chunkMs),
      allowedP95Ms: rounded(allowedMs),
      ratio: rounded(p95('with') / p95('without'), 2),
      backfilledRuns: runs.length,
      itemsCompared: items,
    }
    const goal = `p95 of lateness with a backfill at most ${ratioMax} x without, or one of its runs longer; median of ${rounds} rounds of ${ticksPerRound} x ${tickedViews.length}`
    return {
      name: 'backfill-interference',
      figures,
      goal,
      met: figures.withP95Ms <= allowedMs && rounds >= 3 && ticksPerRound >= 6,
    }
  } finally {
    await stack.stop()
  }
}
