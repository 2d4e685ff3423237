/** Of compacted files only those whose bucket a key lies in: the keys that are asked for are known, and a bucket holds all rows of its keys. */
import { type CommittedFile, isOfCompaction } from '../compute/committed-files.js'
import { keyBucket } from '../compute/key-bucket.js'
import { printQuery } from '../compute/print-duckdb.js'
import { column, select, table } from '../compute/sql-algebra.js'
import type { ViewBundle } from '../define/definitions.js'
import type { AnswerTools } from './compute-answers.js'

/** @param keys table of `createKeys`, which holds them as files do */
export async function filesOfKeys(
  tools: AnswerTools,
  bundle: ViewBundle,
  files: readonly CommittedFile[],
  keys: string,
): Promise<readonly CommittedFile[]> {
  const finest = files.reduce((most, file) => (isOfCompaction(file) ? Math.max(most, file.bucket.of) : most), 1)
  if (finest === 1) return files
  const { keys: columns } = bundle.entity
  const bucket = keyBucket(
    columns,
    columns.map(({ name }) => column(name)),
    finest,
  )
  const rows = await tools.all(printQuery(select(table(keys), [['bucket', bucket]])))
  const numbers = rows.map((row) => Number(row.bucket))
  // Buckets nest: the finest says which of the coarser ones a key lies in.
  return files.filter(
    (file) => !isOfCompaction(file) || numbers.some((number) => number % file.bucket.of === file.bucket.number),
  )
}
