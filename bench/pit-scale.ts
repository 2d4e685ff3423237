/** The same join at ten million and at a hundred million rows, within 2 GiB: its time should grow no faster than its rows. */
import { join } from 'node:path'
import type { BenchResult } from './bench-result.js'
import { rounded } from './figures.js'
import { checkAnswers, inWorld, product } from './pit.js'

const scale = Number(process.env.MILLCOURSE_BENCH_SCALE ?? 1)
const peakMbMax = 2048
/** Ten times the rows may take so much longer: the sort's share grows by its logarithm. */
const ratioMax = 12

export async function pitScale(): Promise<BenchResult> {
  const figures: Record<string, number> = {}
  const seconds: number[] = []
  let peakMb = 0
  for (const keys of [100_000, 1_000_000]) {
    const shape = { views: 1, keys: Math.round(keys * scale), days: 100, spineRows: Math.round(1_000_000 * scale) }
    const took = await inWorld(shape, async (world) => {
      const out = join(world.dir, 'product.parquet')
      const one = await product(world, out, 1280, 'committed')
      await checkAnswers(world, out)
      return one
    })
    const name = `rows${(shape.keys * 100) / 1e6}M`
    figures[`${name}_seconds`] = rounded(took.seconds, 1)
    figures[`${name}_cpuSeconds`] = rounded(took.cpuSeconds, 1)
    figures[`${name}_peakMb`] = rounded(took.peakMb)
    seconds.push(took.seconds)
    peakMb = Math.max(peakMb, took.peakMb)
  }
  figures.ratio = rounded(seconds[1]! / seconds[0]!, 2)
  const goal = `a hundred million rows in at most ${ratioMax} x the time of ten million, under ${peakMbMax} MiB`
  return { name: 'pit-scale', figures, goal, met: scale === 1 && peakMb < peakMbMax && figures.ratio <= ratioMax }
}
