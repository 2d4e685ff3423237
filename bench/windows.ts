/**
 * Twelve windows of an hour to thirty days, of nine operations, for a million rows of a spine over ten million events, beside the same asked of
 * peers' windows. Each program is a process of its own, from its files to the written set.
 */
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
    await checkOrder(world, out('product'))
    for (const peer of ['duckdb', ...(python === null ? [] : ['polars'])])
      await checkAnswers(out('product'), peer, out(peer))
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

async function count(sql: string): Promise<number> {
  const connection = await (await DuckDBInstance.create(':memory:', { threads: '2' })).connect()
  const found = Number((await connection.runAndReadAll(sql)).getRows()[0]![0])
  connection.closeSync()
  return found
}

/** Every row of the spine is where it was. */
async function checkOrder(world: WindowsWorld, product: string): Promise<void> {
  const moved = await count(`SELECT count(*) FROM
    (SELECT file_row_number AS n, user_id, t, label FROM read_parquet('${spineFile(world)}', file_row_number = true)) s
    FULL JOIN (SELECT file_row_number AS n, user_id, t, label FROM read_parquet('${product}', file_row_number = true)) o USING (n)
    WHERE (s.user_id, s.t, s.label) IS DISTINCT FROM (o.user_id, o.t, o.label)`)
  if (moved > 0) throw new Error(`${moved} rows of the spine are not where they were`)
}

/** Every value as a peer has it, which knows no tiles. */
async function checkAnswers(product: string, peer: string, file: string): Promise<void> {
  const wrong: string[] = []
  for (const [name, operation] of asked) {
    const [own, other] = [`p.activity__${name}::DOUBLE`, `e.activity__${name}::DOUBLE`]
    const rows = await count(`SELECT count(*) FROM read_parquet('${product}') p
      FULL JOIN read_parquet('${file}') e ON p.label = e.label
      WHERE p.label IS NULL OR e.label IS NULL OR ${differs(operation, own, other)}`)
    if (rows > 0) wrong.push(`${name} in ${rows} rows`)
  }
  if (wrong.length > 0) throw new Error(`other answers than those of ${peer}: ${wrong.join(', ')}`)
}

/** Amounts are such that their sums are exact; peers round on their way to a variance. A sum of nothing is 0 to polars, and null to the others (R8). */
function differs(operation: string, own: string, other: string): string {
  if (operation === 'sum') return `coalesce(${own}, 0) <> coalesce(${other}, 0)`
  if (operation !== 'var' && operation !== 'stddev') return `${own} IS DISTINCT FROM ${other}`
  return `(${own} IS NULL) <> (${other} IS NULL) OR abs(${own} - ${other}) > 1e-9 * greatest(abs(${own}), 1)`
}
