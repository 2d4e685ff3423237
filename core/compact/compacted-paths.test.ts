import { expect, test } from 'vitest'
import { compactedFileAdvice, compactedPath } from './index.js'

test('a file of a compaction is told by its path or URI, and who mends it; no other is', () => {
  const path = compactedPath({ view: 'airport_delays', version: 2 }, 7n, { number: 3, of: 8 })
  for (const file of [path, `s3://lake/prefix/${path}`, `/data/lake/${path}`])
    expect(compactedFileAdvice(file)).toContain('millcourse check-quality airport_delays --repair')
  for (const file of [
    'rows/airport_delays/v1/20010101T000000Z/run.parquet',
    's3://lake/compacted/x.parquet',
    `${path}.tmp`,
  ])
    expect(compactedFileAdvice(file)).toBeNull()
})
