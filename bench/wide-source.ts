/** `tsx wide-source.ts FILE ENTITIES FEATURES`: one hour of one row per entity, in a process whose memory is nobody's figure. */
import { DuckDBInstance } from '@duckdb/node-api'

const [file = '', entities = '0', features = '0'] = process.argv.slice(2)
const instance = await DuckDBInstance.create(':memory:', { memory_limit: '1GiB', threads: '2' })
const connection = await instance.connect()
// Not in key order, as rows arrive; numbers that do not compress, amounts that do, and some nulls.
const columns = Array.from({ length: Number(features) }, (_, index) => {
  const value =
    index % 5 === 4
      ? `(hash(i + ${index}) % 1000)::BIGINT`
      : `CASE WHEN hash(i * ${index + 3}) % 50 > 0 THEN (hash(i + ${index}) % 1000000007)::DOUBLE / 1000 END`
  return `${value} AS f${index}`
})
await connection.run(`COPY (
  SELECT TIMESTAMP '2001-01-01 00:00:00' + to_microseconds((hash(i) % 3600000000)::BIGINT) AS at,
    'user-' || lpad(((i * 7919) % ${entities})::VARCHAR, 9, '0') AS user_id, ${columns.join(', ')}
  FROM range(${entities}) t(i)
) TO '${file.replaceAll("'", "''")}' (FORMAT parquet, COMPRESSION zstd)`)
connection.closeSync()
