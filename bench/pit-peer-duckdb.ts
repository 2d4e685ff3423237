/** `tsx pit-peer-duckdb.ts WORLD OUT`: DuckDB's plain ASOF JOIN over the source files: no ties, no ttl, the rows in any order. */
import { performance } from 'node:perf_hooks'
import { DuckDBInstance } from '@duckdb/node-api'
import { featureNames, type PitWorld, spineFile } from './pit-world.js'
import { memoryOf } from './process-figures.js'

const [worldJson = '', out = ''] = process.argv.slice(2)
const world = JSON.parse(worldJson) as PitWorld
const startedMs = performance.now()
const instance = await DuckDBInstance.create(':memory:', { threads: '2', temp_directory: `${world.dir}/spill` })
const connection = await instance.connect()
const views = Array.from({ length: world.views }, (_, view) => view)
const columns = views.flatMap((view) => featureNames.map((name) => `v${view}.${name} AS users${view}__${name}`))
const joins = views.map(
  (view) =>
    `ASOF LEFT JOIN read_parquet('${world.dir}/source${view}/*/*.parquet', hive_partitioning = false) v${view} ON s.user_id = v${view}.user_id AND s.t >= v${view}.event_time`,
)
await connection.run(
  `COPY (SELECT s.user_id, s.t, s.label, ${columns.join(', ')} FROM read_parquet('${spineFile(world)}') s ${joins.join(' ')})
   TO '${out}' (FORMAT parquet, COMPRESSION zstd)`,
)
connection.closeSync()
const seconds = (performance.now() - startedMs) / 1000
const { user, system } = process.cpuUsage()
process.stdout.write(
  `${JSON.stringify({ seconds, cpuSeconds: (user + system) / 1e6, peakMb: memoryOf(process.pid).peakBytes / 2 ** 20 })}\n`,
)
