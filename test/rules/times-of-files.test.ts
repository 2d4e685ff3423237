/** R1, R3, R11: event times lie in files as 64 bits where those hold them, as 38 digits elsewhere; what is seen does not depend on which. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildCompaction, type CommittedFile } from '../../core/compute/index.js'
import type { QuerySession } from '../../core/ports/query-engine.js'
import { floorDiv, maxInt64 } from '../../core/time/instant.js'
import { Bench, hour } from '../reference/generated-history.js'
import { amountsAt, commit, lookupView, trainingRows } from './rows-and-answers.js'

let bench: Bench
beforeAll(async () => {
  bench = await Bench.open()
})
afterAll(() => bench.close())

/** The last whole microsecond of 64 bits, in 2262, and the hour it lies in. */
const last = maxInt64 - (maxInt64 % 1_000n)
const edge = floorDiv(last, hour) * hour

const amounts = (...[given, asked]: Parameters<typeof amountsAt> extends [unknown, ...infer Rest] ? Rest : never) =>
  amountsAt(bench, { unit: 1_000n, ...given }, asked)

async function typesOf(session: QuerySession, files: readonly string[]): Promise<string[]> {
  const rows = await session.all({
    sql: `SELECT name, duckdb_type FROM parquet_schema([${files.map((file) => `'${file}'`).join(', ')}])`,
  })
  return rows.filter(({ name }) => name === '__event_ns').map((row) => String(row.duckdb_type))
}

test('R1, R11: in 2262, a microsecond to each side of what 64 bits hold, by spines that end before it and behind it', async () => {
  const files = [
    [
      { event: last - 1_000n, amount: 1n },
      { event: last, amount: 2n },
      { event: last + 1_000n, amount: 3n },
    ],
  ]
  const intervals = [
    { start: edge - hour, end: edge },
    { start: edge, end: edge + hour },
  ]
  for (const since of ['2200-01-01T00:00:00Z', '1909-01-01T00:00:00Z']) {
    const given = { files, since, intervals }
    expect(await amounts(given, [last - 1_001n, last - 1_000n, last - 1n, last, maxInt64 - 1n])).toEqual([
      null,
      1n,
      1n,
      2n,
      2n,
    ])
    expect(await amounts(given, [last, last + 1_000n, last + hour])).toEqual([2n, 3n, 3n])
  }
})

test('R1, R11: before 1677, where 64 bits hold nothing, and on both sides of their first microsecond', async () => {
  const files = [
    [
      { event: -last - 1_000n, amount: 2n },
      { event: -last, amount: 3n },
      { event: -last - 20n * 365n * 24n * hour, amount: 1n },
    ],
  ]
  const intervals = [{ start: -last - 80n * 365n * 24n * hour, end: 0n }]
  const given = { files, since: '1600-01-01T00:00:00Z', intervals }
  expect(await amounts(given, [-last - 1_000n, -last])).toEqual([2n, 3n])
  // All of the spine lies near the view's beginning.
  const early = -last - 19n * 365n * 24n * hour
  expect(await amounts(given, [early - 2n * 365n * 24n * hour, early])).toEqual([null, 1n])
})

test('R3, R21: files of both types are read together, by themselves and out of a compaction, which writes 64 bits', async () => {
  const ties = { event: hour + 5n, created: 3n, amount: 6n }
  const given = {
    files: [
      [
        { event: 5n, amount: 1n },
        { event: 7n, created: 9n, amount: 2n },
        { event: 7n, created: 8n, amount: 3n },
      ],
      [{ event: hour, amount: 4n }, { event: hour + 5n, created: 2n, amount: 5n }, ties],
      [{ event: 2n * hour, amount: 7n }],
    ],
    intervals: [0n, 1n, 2n].map((at) => ({ start: at * hour, end: (at + 1n) * hour })),
  }
  const asked = [4n, 5n, 7n, hour - 1n, hour, hour + 5n, 2n * hour - 1n, 2n * hour]
  const expected = [null, 1n, 2n, 2n, 4n, 6n, 6n, 7n]
  await bench.engine.withSession(async (session) => {
    const bundle = lookupView(given)
    const { files } = await commit(bench, session, bundle, given)
    expect(await typesOf(session, files)).toEqual(['BIGINT', 'BIGINT', 'BIGINT'])
    const inDigits = async (file: string) =>
      await bench.write(session, `SELECT * REPLACE (CAST(__event_ns AS DECIMAL(38,0)) AS __event_ns) FROM '${file}'`)
    const [first, second, third] = files as [string, string, string]
    const mixed = [await inDigits(first), second, await inDigits(third)]
    const span = { start: 0n, end: 2n * hour }
    const compaction = buildCompaction({ bundle, files: mixed.slice(0, 2), span, buckets: 1 })
    for (const statement of compaction.statements) await session.execute(statement)
    const compacted = await bench.write(session, compaction.output(0))
    for (const statement of compaction.cleanup) await session.execute(statement)
    expect(await typesOf(session, [compacted])).toEqual(['BIGINT'])
    const whole = { uri: compacted, within: null, bucket: { number: 0, of: 1 } }
    const layouts: CommittedFile[][] = [mixed, mixed.toReversed(), [whole, mixed[2]!], [whole, third]]
    for (const of of layouts) {
      const rows = await trainingRows(
        bench,
        session,
        { bundle, files: of },
        asked.map((t) => ({ t })),
      )
      expect(rows.map((row) => row.latest__amount)).toEqual(expected)
    }
  })
})
