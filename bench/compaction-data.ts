/**
 * `tsx compaction-data.ts WORLD`: a year of one view as a run of the whole year commits it, in one file; the same rows as its hours would
 * have, one by one; and those compacted.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createDuckdbEngine } from '../adapters/duckdb/duckdb-query-engine.js'
import { buildFileTypesQuery, buildIntervalQuery, fileTypesFrom, printCommittedFile } from '../core/compute/index.js'
import { type CommittedPart, compactAll } from './compact-files.js'
import { featureNames, firstDay, layoutFile, type PitWorld, spineFile, viewBundles } from './pit-world.js'

const world = JSON.parse(process.argv[2]!) as PitWorld
const rows = world.days * world.keys
const hourNs = 3_600_000_000_000n
const since = BigInt(firstDay) * 1_000_000n
const spillDir = `${world.dir}/spill`
await mkdir(spillDir, { recursive: true })
const engine = await createDuckdbEngine({ memoryLimitMb: 3072, spillDir, threads: 2 })
const asParquet = 'FORMAT parquet, COMPRESSION zstd'
const day = viewBundles(world)[0]!
const bundle = { ...day, view: { ...day.view, every: '1h' as const } }
const [one, source, hours] = [
  join(world.dir, 'one.parquet'),
  join(world.dir, 'source.parquet'),
  join(world.dir, 'hours'),
]
await engine.withSession(async (session) => {
  const features = featureNames.map((name, at) => `(hash(i * 31 + ${at}) % 1000000007)::DOUBLE / 1000 AS ${name}`)
  const isWindow = world.kind === 'window'
  const at = `TIMESTAMP '2024-01-01' + to_microseconds((i::HUGEINT * ${world.days * 86_400_000_000} // ${rows})::BIGINT)`
  // Some become known hours after others that happened later.
  const later = world.kind === 'created' ? ' + to_minutes((hash(i * 13) % 720)::BIGINT)' : ''
  await session.execute({
    sql: `COPY (SELECT (hash(i) % ${world.keys})::BIGINT AS user_id, ${at} AS event_time, ${at}${later} AS created, ${features.join(', ')}
      FROM range(${rows}) r(i) ORDER BY i) TO '${source}' (${asParquet})`,
  })
  const fileTypes = fileTypesFrom(await session.all(buildFileTypesQuery([source])))
  const interval = { start: since, end: since + BigInt(world.days) * 24n * hourNs }
  const query = buildIntervalQuery({ bundle, interval, files: { own: [source], within: [] }, fileTypes })
  for (const statement of query.statements) await session.execute(statement)
  await session.execute(
    printCommittedFile(`SELECT * FROM (${query.output}) ORDER BY ${isWindow ? '__tile' : '__event_ns'}`, one),
  )
  for (const statement of query.cleanup) await session.execute(statement)
  await session.execute({
    sql: `CREATE TEMP TABLE year AS SELECT *, (${isWindow ? `__tile - ${since / hourNs}` : `(__event_ns - ${since}) // ${hourNs}`})::BIGINT AS h FROM read_parquet('${one}')`,
  })
  await mkdir(hours, { recursive: true })
  const parts: CommittedPart[] = []
  for (let hour = 0; hour < world.days * 24; hour++) {
    const file = join(hours, `${hour}.parquet`)
    const start = since + BigInt(hour) * hourNs
    await session.execute(printCommittedFile(`SELECT * EXCLUDE (h) FROM year WHERE h = ${hour}`, file))
    parts.push({ file, interval: { start, end: start + hourNs } })
  }
  await session.execute({ sql: 'DROP TABLE year' })
  const layouts = {
    one: [one],
    committed: parts.map(({ file }) => file),
    compacted: await compactAll(session, bundle, parts, join(world.dir, 'compacted')),
  }
  for (const [layout, files] of Object.entries(layouts))
    await writeFile(layoutFile(world.dir, layout as keyof typeof layouts), JSON.stringify([files]))
  await session.execute({
    sql: `COPY (SELECT (hash(i + 77) % ${world.keys})::BIGINT AS user_id,
      TIMESTAMP '2024-01-01' + to_microseconds((hash(i * 7 + 1) % ${world.days * 86_400_000_000})::BIGINT) AS t, i AS label
      FROM range(${world.spineRows}) s(i)) TO '${spineFile(world)}' (${asParquet})`,
  })
})
await engine.close()
