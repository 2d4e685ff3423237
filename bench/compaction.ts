/**
 * A training set over a year of hourly files of one view: after compaction, beside the same rows in one file, and beside the hours one by one. Of
 * lookups of both visibilities and of windows.
 */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import type { BenchResult } from './bench-result.js'
import { rounded } from './figures.js'
import { product } from './pit.js'
import { layoutFile, type PitWorld, type ViewKind } from './pit-world.js'
import { race, script } from './race.js'

const scale = Number(process.env.MILLCOURSE_BENCH_SCALE ?? 1)
const ratioMax = 1.5
// Of a smaller world the year is shorter, too: what is tried in small is the way, not the time.
const days = scale === 1 ? 365 : Math.max(40, Math.round(365 * scale))
const shape = { views: 1, keys: Math.round(7_200 * scale), days, spineRows: Math.round(200_000 * scale) }

const kinds: readonly ViewKind[] = ['event', 'created', 'window']

export async function compaction(): Promise<BenchResult> {
  const figures: Record<string, number> = {}
  for (const kind of kinds)
    for (const [figure, value] of Object.entries(await compactionOf(kind))) figures[`${kind}_${figure}`] = value
  const goal = `a year of hourly files, compacted, in at most ${ratioMax} x the time of the same rows in one file: lookups of both visibilities, and windows`
  const isMet = kinds.every((kind) => figures[`${kind}_ratio`]! <= ratioMax)
  return { name: 'compaction', figures, goal, met: scale === 1 && isMet }
}

async function compactionOf(kind: ViewKind): Promise<Record<string, number>> {
  const world: PitWorld = { ...shape, kind, dir: await mkdtemp(join(tmpdir(), 'millcourse-compaction-')) }
  const out = (of: string): string => join(world.dir, `${of}.parquet`)
  try {
    await script('compaction-data.ts', [JSON.stringify(world)])
    const figures = await race({
      product: () => product(world, out('compacted'), 640, 'compacted'),
      one: () => product(world, out('one-file'), 640, 'one'),
      hours: () => product(world, out('hours-each'), 640, 'committed'),
    })
    for (const other of ['one-file', 'hours-each']) await checkSame(out('compacted'), out(other))
    const files = (JSON.parse(readFileSync(layoutFile(world.dir, 'compacted'), 'utf8')) as unknown[][])[0]!.length
    const ratio = rounded(figures.productSeconds! / figures.oneSeconds!, 2)
    const hoursToOne = rounded(figures.hoursSeconds! / figures.oneSeconds!, 2)
    return { ...figures, files, hoursToOne, ratio }
  } finally {
    await rm(world.dir, { recursive: true, force: true })
  }
}

async function checkSame(a: string, b: string): Promise<void> {
  const connection = await (await DuckDBInstance.create(':memory:', { threads: '2' })).connect()
  const rows = (file: string): string => `SELECT * FROM read_parquet('${file}', file_row_number = true)`
  const read = await connection.runAndReadAll(
    `SELECT count(*) FROM ((${rows(a)}) EXCEPT ALL (${rows(b)})) e UNION ALL SELECT count(*) FROM (${rows(b)})`,
  )
  const [different, all] = read.getRows().map(([value]) => Number(value))
  connection.closeSync()
  if (different !== 0 || all === 0) throw new Error(`${different} rows of ${all} differ between ${a} and ${b}`)
}
