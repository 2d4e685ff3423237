/**
 * `tsx pit-data.ts WORLD`: writes the source (a file a day, in time order), the files that runs of those days commit, by the product's own
 * query, and the spine. Every hundredth row or so is corrected: another of its key and time, created later.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createDuckdbEngine } from '../adapters/duckdb/duckdb-query-engine.js'
import type { CommittedFile } from '../core/compute/index.js'
import { type CommittedPart, compactAll } from './compact-files.js'
import { commitDay } from './pit-commit.js'
import {
  committedFile,
  dayName,
  days,
  featureNames,
  layoutFile,
  type PitWorld,
  sourceFile,
  spineFile,
  viewBundles,
} from './pit-world.js'

const world = JSON.parse(process.argv[2]!) as PitWorld
const spillDir = `${world.dir}/spill`
await mkdir(spillDir, { recursive: true })
const engine = await createDuckdbEngine({ memoryLimitMb: 3072, spillDir, threads: 2 })
const committed: CommittedFile[][] = []
const compacted: CommittedFile[][] = []
const asParquet = '(FORMAT parquet, COMPRESSION zstd)'
await engine.withSession(async (session) => {
  for (const [view, bundle] of viewBundles(world).entries()) {
    const parts: CommittedPart[] = []
    for (const day of days(world)) {
      const source = sourceFile(world, view, day)
      const committedPath = committedFile(world, view, day)
      await mkdir(dirname(source), { recursive: true })
      await session.execute({ sql: `COPY (${sourceRows(view, day)}) TO '${source}' ${asParquet}` })
      const interval = await commitDay(session, bundle, day, { source, committed: committedPath })
      parts.push({ interval, file: committedPath })
    }
    committed.push(parts.map(({ file }) => file))
    compacted.push(await compactAll(session, bundle, parts, join(world.dir, `compacted${view}`)))
  }
  await writeFile(layoutFile(world.dir, 'committed'), JSON.stringify(committed))
  await writeFile(layoutFile(world.dir, 'compacted'), JSON.stringify(compacted))
  // Some ask for keys that are not there, some for times before and after all rows.
  await session.execute({
    sql: `COPY (
      SELECT (hash(i + 77) % ${Math.ceil(world.keys * 1.005)})::BIGINT AS user_id,
        TIMESTAMP '2024-01-01' + to_microseconds((hash(i * 7 + 1) % (${world.days + 2} * 86400000000))::BIGINT) AS t, i AS label
      FROM range(${world.spineRows}) s(i)
    ) TO '${spineFile(world)}' ${asParquet}`,
  })
})
await engine.close()

function sourceRows(view: number, day: number): string {
  const id = `(i + ${day} * ${world.keys})`
  const features = featureNames.map(
    (name, index) => `(hash(n * 31 + ${index + view * 100}) % 1000000007)::DOUBLE / 1000 AS ${name}`,
  )
  const at = `TIMESTAMP '${dayName(day)}' + to_microseconds((hash(${id} + ${view}) % 86400000000)::BIGINT)`
  return `SELECT user_id, event_time, event_time + to_seconds((hash(n + 5) % 600)::BIGINT + late) AS created, ${features.join(', ')} FROM (
    SELECT i AS user_id, ${at} AS event_time, 0 AS late, ${id} AS n FROM range(${world.keys}) r(i)
    UNION ALL SELECT i, ${at}, 600, ${id} + 1000000000 FROM range(${world.keys}) r(i) WHERE hash(${id} + 9) % 100 = 3
  ) ORDER BY event_time, n`
}
