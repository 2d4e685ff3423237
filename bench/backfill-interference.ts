/**
 * How late scheduled runs are while a large backfill runs on the same workers: a dozen views are ticked on time, hour after hour under a
 * compressed clock, in rounds with the backfill and without in turns; lateness is from the tick until the hour's end is seen online.
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
  views,
  writeHistory,
  writeHour,
} from './interference-world.js'
import { startLargeBackfill } from './large-backfill.js'
import { tickHour } from './tick-hour.js'

const rounds = Number(process.env.MILLCOURSE_BENCH_ROUNDS ?? 3)
const ticksPerRound = Number(process.env.MILLCOURSE_BENCH_TICKS ?? 6)
const tickEveryMs = 8_000
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
    for (let at = 0; at < warmUpHours; at++) await tick()
    const latenessMs: Record<Mode, number[][]> = { without: [], with: [] }
    const order: Mode[] = ['without', 'with']
    for (let round = 0; round < rounds; round++) {
      for (const mode of order) {
        const large = mode === 'with' ? await startLargeBackfill(project) : null
        const late: number[] = []
        for (let at = 0; at < ticksPerRound; at++) {
          const startedMs = performance.now()
          late.push(...(await tick()))
          await sleep(Math.max(0, tickEveryMs - (performance.now() - startedMs)))
        }
        latenessMs[mode].push(late)
        // One that was over before the round is no backfill beside it.
        await large?.stopUnderWay()
      }
      order.reverse()
    }
    // Done, once what the round's backfill has committed is published; the last one's may be committed only.
    const runs = await ledger.runs({ view: historyView, outcomes: ['committed', 'done'], limit: historyHours })
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
      chunkMs: rounded(chunkMs),
      allowedP95Ms: rounded(allowedMs),
      ratio: rounded(p95('with') / p95('without'), 2),
      backfilledRuns: runs.length,
      itemsCompared: items,
    }
    const goal = `p95 of lateness with a backfill at most ${ratioMax} x without, or one of its runs longer; median of ${rounds} rounds of ${ticksPerRound} x ${views.length}`
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
