/** `tsx windows-peer-duckdb.ts WORLD OUT`: the same asked of DuckDB's window functions over the source files and the spine in one relation. */
import { performance } from 'node:perf_hooks'
import { DuckDBInstance } from '@duckdb/node-api'
import { memoryOf } from './process-figures.js'
import { asked, spineFile, type WindowsWorld } from './windows-world.js'

const [worldJson = '', out = ''] = process.argv.slice(2)
const world = JSON.parse(worldJson) as WindowsWorld
const startedMs = performance.now()
const instance = await DuckDBInstance.create(':memory:', { threads: '2', temp_directory: `${world.dir}/spill` })
const connection = await instance.connect()
const hours = [...new Set(asked.map(([, , , length]) => length))]
// R7: the event at the edge itself is not in the window.
const windows = hours.map(
  (length) =>
    `w${length} AS (PARTITION BY user_id ORDER BY event_time RANGE BETWEEN INTERVAL ${length} HOUR PRECEDING AND INTERVAL 1 MICROSECOND PRECEDING)`,
)
// The spine's rows lie among the events, without values.
const called = (operation: string, of: string): string =>
  operation === 'first' || operation === 'last'
    ? `${operation}_value(${of} IGNORE NULLS)`
    : `${operation === 'var' ? 'var_samp' : operation}(${of})`
const columns = asked.map(
  ([name, operation, of, length]) => `${called(operation, of)} OVER w${length} AS activity__${name}`,
)
await connection.run(
  `COPY (
    SELECT * FROM (
      SELECT user_id, t, label, ${columns.join(', ')} FROM (
        SELECT user_id, event_time, quantity, amount, NULL::TIMESTAMP AS t, NULL::BIGINT AS label FROM read_parquet('${world.dir}/source/*/*.parquet', hive_partitioning = false)
        UNION ALL SELECT user_id, date_trunc('hour', t), NULL, NULL, t, label FROM read_parquet('${spineFile(world)}')
      ) WINDOW ${windows.join(', ')}
    ) WHERE label IS NOT NULL
  ) TO '${out}' (FORMAT parquet, COMPRESSION zstd)`,
)
connection.closeSync()
const seconds = (performance.now() - startedMs) / 1000
const { user, system } = process.cpuUsage()
process.stdout.write(
  `${JSON.stringify({ seconds, cpuSeconds: (user + system) / 1e6, peakMb: memoryOf(process.pid).peakBytes / 2 ** 20 })}\n`,
)
