/**
 * The point-in-time join: committed files of ten million rows and a spine of a million, Parquet to Parquet, beside what joins without
 * settling ties. Each program is a process of its own, in turns that rotate.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { DuckDBInstance } from '@duckdb/node-api'
import type { BenchResult } from './bench-result.js'
import { median, rounded } from './figures.js'
import { committedFile, days, featureNames, type PitWorld, spineFile, ttlDays } from './pit-world.js'
import { polarsPython } from './polars-python.js'

interface Took {
  readonly seconds: number
  readonly cpuSeconds: number
  readonly peakMb: number
  /** CPU seconds of each statement. */
  readonly steps?: readonly string[]
}
type Program = (world: PitWorld, out: string) => Promise<Took>

const scale = Number(process.env.MILLCOURSE_BENCH_SCALE ?? 1)
const rounds = Number(process.env.MILLCOURSE_BENCH_ROUNDS ?? 5)
const peakMbMax = 1024
const ratioMax = 1

const scaled = (count: number): number => Math.round(count * scale)
const worlds = {
  one: { views: 1, keys: scaled(100_000), days: 100, spineRows: scaled(1_000_000) },
  three: { views: 3, keys: scaled(100_000), days: 33, spineRows: scaled(1_000_000) },
}

export async function pit(): Promise<BenchResult> {
  const python = await polarsPython()
  const programs: Record<string, Program> = {
    product: (world, out) => product(world, out, 768),
    asof: (world, out) => program('pit-peer-duckdb.ts', [JSON.stringify(world), out]),
    ...(python === null
      ? {}
      : { polars: (world: PitWorld, out: string) => inPython(python, [JSON.stringify(world), out]) }),
  }
  const figures: Record<string, number> = {}
  let isMet = scale === 1 && python !== null
  for (const [name, shape] of Object.entries(worlds)) {
    const measured = await inWorld(shape, (world) => measure(world, programs))
    for (const [figure, value] of Object.entries(measured)) figures[`${name}_${figure}`] = value
    const ratios = Object.entries(measured).filter(([figure]) => figure.startsWith('ratioTo'))
    isMet &&= measured.productPeakMb! < peakMbMax && ratios.every(([, ratio]) => ratio <= ratioMax)
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

export function product(world: PitWorld, out: string, memoryMb: number): Promise<Took> {
  const files = Array.from({ length: world.views }, (_, view) =>
    days(world).map((day) => committedFile(world, view, day)),
  )
  return program('pit-product.ts', [JSON.stringify(world), out, String(memoryMb), JSON.stringify(files)])
}

async function measure(world: PitWorld, programs: Record<string, Program>): Promise<Record<string, number>> {
  const took: Record<string, Took[]> = {}
  const names = Object.keys(programs)
  for (let round = 0; round < rounds; round++)
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(round + turn) % names.length]!
      const out = join(world.dir, `${name}.parquet`)
      took[name] = [...(took[name] ?? []), await programs[name]!(world, out)]
    }
  await checkAnswers(world, join(world.dir, 'product.parquet'))
  const of = (name: string, figure: 'seconds' | 'cpuSeconds' | 'peakMb') =>
    median(took[name]!.map((one) => one[figure]))
  process.stderr.write(`cpu seconds: ${took.product!.at(-1)!.steps?.join(', ')}\n`)
  return Object.fromEntries([
    ...names.flatMap((name) => [
      [`${name}Seconds`, rounded(of(name, 'seconds'), 2)],
      [`${name}CpuSeconds`, rounded(of(name, 'cpuSeconds'), 2)],
      [`${name}PeakMb`, rounded(of(name, 'peakMb'))],
    ]),
    ...names
      .filter((name) => name !== 'product')
      .map((name) => [
        `ratioTo${name[0]!.toUpperCase()}${name.slice(1)}`,
        rounded(of('product', 'seconds') / of(name, 'seconds'), 2),
      ]),
  ])
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

function script(name: string, args: readonly string[]): Promise<string> {
  const file = fileURLToPath(new URL(`./${name}`, import.meta.url))
  return printed(process.execPath, ['--import', 'tsx', file, ...args])
}

async function program(name: string, args: readonly string[]): Promise<Took> {
  return lastLine(await script(name, args))
}

async function inPython(python: string, args: readonly string[]): Promise<Took> {
  return lastLine(await printed(python, [fileURLToPath(new URL('./pit-peer-polars.py', import.meta.url)), ...args]))
}

async function printed(command: string, args: readonly string[]): Promise<string> {
  return (await promisify(execFile)(command, [...args], { maxBuffer: 2 ** 26 })).stdout
}

const lastLine = (text: string): Took => JSON.parse(text.trim().split('\n').at(-1)!) as Took
