/** `tsx windows-data.ts WORLD`: events (a file a day, in time order), the tiles that runs of those days commit, and the spine: a fourth of its times on edges of tiles, the others anywhere. */
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createDuckdbEngine } from '../adapters/duckdb/duckdb-query-engine.js'
import { buildFileTypesQuery, buildIntervalQuery, fileTypesFrom, printCommittedFile } from '../core/compute/index.js'
import { parseInstant } from '../core/time/instant.js'
import { dayName, days, sourceFile, spineFile, tileFile, type WindowsWorld, windowBundle } from './windows-world.js'

const world = JSON.parse(process.argv[2]!) as WindowsWorld
const spillDir = `${world.dir}/spill`
await mkdir(spillDir, { recursive: true })
const engine = await createDuckdbEngine({ memoryLimitMb: 3072, spillDir, threads: 2 })
const asParquet = '(FORMAT parquet, COMPRESSION zstd)'
const bundle = windowBundle()
await engine.withSession(async (session) => {
  for (const day of days(world)) {
    const source = sourceFile(world, day)
    const tiles = tileFile(world, day)
    for (const file of [source, tiles]) await mkdir(dirname(file), { recursive: true })
    const rows = world.keys * world.eventsPerDay
    await session.execute({
      sql: `COPY (
        SELECT (hash(n) % ${world.keys})::BIGINT AS user_id,
          TIMESTAMP '${dayName(day)}' + to_microseconds((hash(n + 1) % 86400000000)::BIGINT) AS event_time,
          (hash(n + 2) % 100)::BIGINT AS quantity, (hash(n + 3) % 1000000)::DOUBLE / 64 AS amount
        FROM (SELECT (i + ${day * rows}) * 7 AS n FROM range(${rows}) r(i)) ORDER BY event_time
      ) TO '${source}' ${asParquet}`,
    })
    const fileTypes = fileTypesFrom(await session.all(buildFileTypesQuery([source])))
    const interval = {
      start: parseInstant(`${dayName(day)}T00:00:00Z`),
      end: parseInstant(`${dayName(day + 1)}T00:00:00Z`),
    }
    const query = buildIntervalQuery({ bundle, interval, files: { own: [source], within: [] }, fileTypes })
    for (const statement of query.statements) await session.execute(statement)
    await session.execute(printCommittedFile(query.output, tiles))
    for (const statement of query.cleanup) await session.execute(statement)
  }
  await session.execute({
    sql: `COPY (
      SELECT (hash(i + 77) % ${Math.ceil(world.keys * 1.005)})::BIGINT AS user_id,
        CASE WHEN i % 4 = 0 THEN date_trunc('hour', moment) ELSE moment END AS t, i AS label
      FROM (SELECT i, TIMESTAMP '2024-01-01' + to_microseconds((hash(i * 7 + 1) % ${(world.days + 2) * 86_400_000_000})::BIGINT) AS moment
        FROM range(${world.spineRows}) s(i))
    ) TO '${spineFile(world)}' ${asParquet}`,
  })
})
await engine.close()
