/** Twelve windows of an hour to thirty days for a million rows of a spine over ten million events, beside the same asked of peers' windows. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import type { BenchResult } from './bench-result.js'
import { rounded } from './figures.js'
import { polarsPython } from './polars-python.js'
import { inPython, program, race, script } from './race.js'
import { asked, spineFile, type WindowsWorld } from './windows-world.js'

const scale = Number(process.env.MILLCOURSE_BENCH_SCALE ?? 1)
const scaled = (count: number): number => Math.round(count * scale)
const shape = { keys: scaled(100_000), days: 100, eventsPerDay: 1, spineRows: scaled(1_000_000) }

export async function windows(): Promise<BenchResult> {
  const python = await polarsPython()
  const world: WindowsWorld = { ...shape, dir: await mkdtemp(join(tmpdir(), 'millcourse-windows-')) }
  const out = (of: string): string => join(world.dir, `${of}.parquet`)
  try {
    const json = JSON.stringify(world)
    await script('windows-data.ts', [json])
    const figures = await race({
      product: () => program('windows-product.ts', [json, out('product'), '2048']),
      duckdb: () => program('windows-peer-duckdb.ts', [json, out('duckdb')]),
      ...(python === null
        ? {}
        : {
            polars: () => inPython(python, 'windows-peer-polars.py', [json, out('polars'), JSON.stringify(asked)]),
          }),
    })
    await checkAnswers(world, out('product'), out('duckdb'))
    const ratioTo = (peer: string): number => rounded(figures.productSeconds! / figures[`${peer}Seconds`]!, 2)
    const ratios = {
      ratioToDuckdb: ratioTo('duckdb'),
      ...(python === null ? {} : { ratioToPolars: ratioTo('polars') }),
    }
    const isMet = scale === 1 && python !== null && Object.values(ratios).every((ratio) => ratio <= 1)
    const goal = 'in the spine’s order, at most the time of plain DuckDB range windows and of polars rolling aggregates'
    return { name: 'windows', figures: { ...figures, ...ratios }, goal, met: isMet }
  } finally {
    await rm(world.dir, { recursive: true, force: true })
  }
}

/** Every row of the spine in its order, and every value as the peer has it, which knows no tiles: amounts are such that their sums are exact. */
async function checkAnswers(world: WindowsWorld, product: string, peer: string): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' })
  const connection = await instance.connect()
  const count = async (sql: string): Promise<number> => Number((await connection.runAndReadAll(sql)).getRows()[0]![0])
  const moved = await count(`SELECT count(*) FROM
    (SELECT file_row_number AS n, user_id, t, label FROM read_parquet('${spineFile(world)}', file_row_number = true)) s
    FULL JOIN (SELECT file_row_number AS n, user_id, t, label FROM read_parquet('${product}', file_row_number = true)) o USING (n)
    WHERE (s.user_id, s.t, s.label) IS DISTINCT FROM (o.user_id, o.t, o.label)`)
  if (moved > 0) throw new Error(`${moved} rows of the spine are not where they were`)
  const columns = ['label', ...asked.map(([name]) => `activity__${name}`)].join(', ')
  const rows = (file: string): string => `SELECT ${columns} FROM read_parquet('${file}')`
  const wrong = await count(`SELECT count(*) FROM ((${rows(product)}) EXCEPT ALL (${rows(peer)})) e`)
  if (wrong > 0) throw new Error(`${wrong} rows have other answers than the peer's`)
  connection.closeSync()
}
