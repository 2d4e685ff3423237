/** `tsx windows-product.ts WORLD OUT MEMORY_MB`: the product's windows, from committed tiles to the written set. Prints what it took. */
import { performance } from 'node:perf_hooks'
import { createDuckdbEngine } from '../adapters/duckdb/duckdb-query-engine.js'
import { tileConstants } from '../cli/training/tile-constants.js'
import {
  buildSpineColumnsQuery,
  buildTrainingSet,
  checkSpineRows,
  planTrainingSet,
  spineColumnsFrom,
  spineTimesFrom,
} from '../core/compute/index.js'
import { memoryOf } from './process-figures.js'
import { asked, days, spineFile, tileFile, type WindowsWorld, windowBundle } from './windows-world.js'

const [worldJson = '', out = '', memoryMb = ''] = process.argv.slice(2)
const world = JSON.parse(worldJson) as WindowsWorld
const startedMs = performance.now()
const engine = await createDuckdbEngine({ memoryLimitMb: Number(memoryMb), spillDir: `${world.dir}/spill`, threads: 2 })
const steps: string[] = []
await engine.withSession(async (session) => {
  let from = process.cpuUsage()
  const step = (name: string): void => {
    const { user, system } = process.cpuUsage(from)
    steps.push(`${name} ${((user + system) / 1e6).toFixed(2)}`)
    from = process.cpuUsage()
  }
  const spine = { file: spineFile(world), format: 'parquet', eventTimeColumn: 't' } as const
  const columns = spineColumnsFrom(spine.format, await session.all(buildSpineColumnsQuery(spine)))
  const views = [{ bundle: windowBundle(), features: asked.map(([name]) => name), mapping: {} }]
  const plan = planTrainingSet({ spine: { ...spine, columns }, views })
  const before = buildTrainingSet({ plan, files: [] })
  for (const statement of before.spine) await session.execute(statement)
  checkSpineRows(await session.all(before.problems))
  const { times } = spineTimesFrom(await session.all(before.times))
  step('spine')
  const files = [days(world).map((day) => tileFile(world, day))]
  const constants = await tileConstants(session, plan, { files, held: [[]], coarse: [[]] })
  step('footers')
  const query = buildTrainingSet({ plan, times, constants, files })
  for (const [index, statement] of query.statements.entries()) {
    await session.execute(statement)
    step(`statement${index}`)
  }
  await session.execute({ sql: `COPY (${query.output(null)}) TO '${out}' (FORMAT parquet, COMPRESSION zstd)` })
  step('output')
})
await engine.close()
const seconds = (performance.now() - startedMs) / 1000
const { user, system } = process.cpuUsage()
process.stdout.write(
  `${JSON.stringify({ seconds, cpuSeconds: (user + system) / 1e6, peakMb: memoryOf(process.pid).peakBytes / 2 ** 20, steps })}\n`,
)
