/** `tsx pit-product.ts WORLD OUT MEMORY_MB LAYOUT`: the product's join, from committed files to the written set. Prints what it took. */
import { readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { createDuckdbEngine } from '../adapters/duckdb/duckdb-query-engine.js'
import {
  buildSpineColumnsQuery,
  buildTrainingSet,
  type CommittedFile,
  checkSpineRows,
  planTrainingSet,
  spineColumnsFrom,
  spineTimesFrom,
} from '../core/compute/index.js'
import type { QuerySession } from '../core/ports/query-engine.js'
import { commitDay } from './pit-commit.js'
import {
  dayName,
  days,
  featureNames,
  type Layout,
  layoutFile,
  type PitWorld,
  sourceFile,
  spineFile,
  viewBundles,
} from './pit-world.js'
import { memoryOf } from './process-figures.js'

const [worldJson = '', out = '', memoryMb = '', layout = ''] = process.argv.slice(2)
const world = JSON.parse(worldJson) as PitWorld
const startedMs = performance.now()
const engine = await createDuckdbEngine({
  memoryLimitMb: Number(memoryMb),
  spillDir: `${world.dir}/spill`,
  threads: 2,
})
/** CPU seconds of each, its native threads included. */
const steps: string[] = []
await engine.withSession(async (session) => {
  let from = process.cpuUsage()
  const step = (name: string): void => {
    const { user, system } = process.cpuUsage(from)
    steps.push(`${name} ${((user + system) / 1e6).toFixed(2)}`)
    from = process.cpuUsage()
  }
  const files = layout === 'raw' ? await commitAll(session) : readFiles(layout as Layout)
  if (layout === 'raw') step('commit')
  const spine = { file: spineFile(world), format: 'parquet', eventTimeColumn: 't' } as const
  const columns = spineColumnsFrom(spine.format, await session.all(buildSpineColumnsQuery(spine)))
  const views = viewBundles(world).map((bundle) => ({ bundle, features: featureNames, mapping: {} }))
  const plan = planTrainingSet({ spine: { ...spine, columns }, views })
  const before = buildTrainingSet({ plan, files: [] })
  for (const statement of before.spine) await session.execute(statement)
  checkSpineRows(await session.all(before.problems))
  const { times } = spineTimesFrom(await session.all(before.times))
  step('spine')
  const query = buildTrainingSet({ plan, files, times })
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

function readFiles(of: Layout): CommittedFile[][] {
  return JSON.parse(readFileSync(layoutFile(world.dir, of), 'utf8')) as CommittedFile[][]
}

/** What the runs of all days do, one after the other. */
async function commitAll(session: QuerySession): Promise<CommittedFile[][]> {
  const all: CommittedFile[][] = []
  for (const [view, bundle] of viewBundles(world).entries()) {
    const committed: CommittedFile[] = []
    for (const day of days(world)) {
      const file = `${world.dir}/raw${view}/${dayName(day)}.parquet`
      await commitDay(session, bundle, day, { source: sourceFile(world, view, day), committed: file })
      committed.push(file)
    }
    all.push(committed)
  }
  return all
}
