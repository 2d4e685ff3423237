/**
 * The point-in-time join: committed files of ten million rows and a spine of a million, Parquet to Parquet, beside what joins without
 * settling ties. Each program is a process of its own, in turns that rotate.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import type { BenchResult } from './bench-result.js'
import { rounded } from './figures.js'
import { featureNames, type Layout, type PitWorld, spineFile, ttlDays } from './pit-world.js'
import { polarsPython } from './polars-python.js'
import { inPython, program, race, script, type Took } from './race.js'

const scale = Number(process.env.MILLCOURSE_BENCH_SCALE ?? 1)
const peakMbMax = 1024
/** Of the engine, the product's default. */
const memoryLimitMb = 1024
const ratioMax = 1

const scaled = (count: number): number => Math.round(count * scale)
const worlds = {
  one: { views: 1, keys: scaled(100_000), days: 100, spineRows: scaled(1_000_000) },
  three: { views: 3, keys: scaled(100_000), days: 33, spineRows: scaled(1_000_000) },
}

export async function pit(): Promise<BenchResult> {
  const python = await polarsPython()
  const figures: Record<string, number> = {}
  let isMet = scale === 1 && python !== null
  for (const [name, shape] of Object.entries(worlds)) {
    const measured = await inWorld(shape, async (world) => {
      const json = JSON.stringify(world)
      const out = (of: string): string => join(world.dir, `${of}.parquet`)
      const took = await race({
        product: () => product(world, out('product'), memoryLimitMb, 'committed'),
        raw: () => product(world, out('raw'), memoryLimitMb, 'raw'),
        compacted: () => product(world, out('compacted'), memoryLimitMb, 'compacted'),
        asof: () => program('pit-peer-duckdb.ts', [json, out('asof')]),
        ...(python === null ? {} : { polars: () => inPython(python, 'pit-peer-polars.py', [json, out('polars')]) }),
      })
      for (const name of ['product', 'raw', 'compacted']) await checkAnswers(world, out(name))
      return took
    })
    for (const [figure, value] of Object.entries(measured)) figures[`${name}_${figure}`] = value
    for (const own of ['product', 'raw', 'compacted'])
      for (const peer of ['asof', 'polars']) {
        const ratio = measured[`${own}Seconds`]! / measured[`${peer}Seconds`]!
        if (Number.isNaN(ratio)) continue
        figures[`${name}_${own}To${peer === 'asof' ? 'Asof' : 'Polars'}`] = rounded(ratio, 2)
        isMet &&= ratio <= ratioMax && measured[`${own}PeakMb`]! < peakMbMax
      }
  }
  const goal = `ties settled and the spine's order kept: at most ${ratioMax} x the time of polars join_asof and of plain ASOF, which do neither; under ${peakMbMax} MiB`
  return { name: 'pit', figures, goal, met: isMet }
}

/** A world on disk, gone afterwards. */
export async function inWorld<T>(shape: Omit<PitWorld, 'dir'>, work: (world: PitWorld) => Promise<T>): Promise<T> {
  const world = { ...shape, dir: await mkdtemp(join(tmpdir(), 'millcourse-pit-')) }
  try {
    await script('pit-data.ts', [JSON.stringify(world)])
    return await work(world)
  } finally {
    await rm(world.dir, { recursive: true, force: true })
  }
}

export function product(world: PitWorld, out: string, memoryMb: number, layout: Layout): Promise<Took> {
  return program('pit-product.ts', [JSON.stringify(world), out, String(memoryMb), layout])
}

/** Every row of the spine in its order; and for one key in fifty, all values, from the source files by a window function. */
export async function checkAnswers(world: PitWorld, out: string): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' })
  const connection = await instance.connect()
  const count = async (sql: string): Promise<number> => Number((await connection.runAndReadAll(sql)).getRows()[0]![0])
  const moved = await count(`SELECT count(*) FROM
    (SELECT file_row_number AS n, user_id, t, label FROM read_parquet('${spineFile(world)}', file_row_number = true)) s
    FULL JOIN (SELECT file_row_number AS n, user_id, t, label FROM read_parquet('${out}', file_row_number = true)) o USING (n)
    WHERE (s.user_id, s.t, s.label) IS DISTINCT FROM (o.user_id, o.t, o.label)`)
  if (moved > 0) throw new Error(`${moved} rows of the spine are not where they were`)
  for (let view = 0; view < world.views; view++) {
    const features = featureNames.map((name) => `users${view}__${name}`)
    const expected = `SELECT s.label, ${featureNames.map((name, at) => `${name} AS ${features[at]}`).join(', ')}
      FROM read_parquet('${spineFile(world)}') s LEFT JOIN read_parquet('${world.dir}/source${view}/*/*.parquet', hive_partitioning = false) r
        ON s.user_id = r.user_id AND r.event_time <= s.t AND r.event_time >= s.t - INTERVAL ${ttlDays} DAY
      WHERE s.user_id % 50 = 0
      QUALIFY row_number() OVER (PARTITION BY s.label ORDER BY r.event_time DESC, r.created DESC) = 1`
    const given = `SELECT label, ${features.join(', ')} FROM read_parquet('${out}') WHERE user_id % 50 = 0`
    const wrong = await count(`SELECT count(*) FROM ((${expected}) EXCEPT ALL (${given})) e`)
    const more = await count(`SELECT count(*) FROM ((${given}) EXCEPT ALL (${expected})) e`)
    if (wrong + more > 0) throw new Error(`${wrong} answers of view ${view} are wrong`)
  }
  connection.closeSync()
}
