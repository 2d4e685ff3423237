/** R1, R2, R3, R11, R16, R18, R28: the rows that a query makes of generated histories, against loops over raw rows. */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildIntervalQuery, makeExactCopies, rowCountsFrom } from '../../core/compute/index.js'
import { asOf, lookup as feature, featureView, parquet, query, t, type ViewBundle } from '../../core/define/index.js'
import { formatDuration } from '../../core/time/duration.js'
import { casesOf } from '../support/test-effort.js'
import { testSeed } from '../support/test-seed.js'
import {
  account,
  asValue,
  Bench,
  files,
  type HistoryFile,
  hour,
  rowsOfFiles,
  type SourceShape,
  sourceOf,
} from './generated-history.js'
import { lookup, type Row, type Value } from './point-in-time.js'

const shape = (visibility: 'event' | 'created', hasTombstone: boolean): SourceShape => ({
  ...{ visibility, hasTombstone, hasId: false, within: null },
})

function bundleOf(driving: SourceShape, dimension: SourceShape, within: bigint | null): ViewBundle {
  const from = sourceOf(driving)
  const { definition } = sourceOf(dimension)
  const other = parquet('others', {
    ...{
      path: 'others/*.parquet',
      schema: from.schema,
      eventTime: 'happened At',
      createdTime: 'written',
      owner: 'test',
    },
    visibility: definition.visibility,
    ...(definition.tombstone === null ? {} : { tombstone: 'gone' as const }),
  })
  const source = query('joined', {
    from,
    with: {
      other: asOf(
        other,
        { shop: 'shop', code: 'code' },
        within === null ? {} : { within: formatDuration(within) as '1h' },
      ),
    },
    sql: `
      SELECT shop, code, e."happened At", written, gone,
        amount, other.label AS label, other."happened At" AS other_at, other.amount > amount AS is_more
      FROM events AS e
      WHERE coalesce(flag, true) AND coalesce(other.flag, true)`,
    schema: {
      shop: t.int64().nullable(),
      code: t.string().nullable(),
      'happened At': t.timestamp().nullable(),
      written: t.timestamp().nullable(),
      gone: t.boolean().nullable(),
      amount: t.int64().nullable(),
      label: t.string().nullable(),
      other_at: t.timestamp().nullable(),
      is_more: t.boolean().nullable(),
    },
    tombstone: driving.hasTombstone ? 'gone' : null,
    owner: 'test',
  })
  const view = featureView('v', {
    ...({ version: 1, entity: account, source, since: '1970-01-01T00:00:00Z', every: '1h', owner: 'test' } as const),
    features: { amount: feature(), label: feature() },
  })
  return { view: view.definition, entity: account.definition, source: source.definition, definitionHash: 'test' }
}

let bench: Bench
beforeAll(async () => {
  bench = await Bench.open()
})
afterAll(() => bench.close())

/** What the SQL above says of one row, in TypeScript. */
function truthOf(row: Row, others: readonly Row[], dimension: SourceShape, within: bigint | null): Value[] | null {
  const rules = { visibility: dimension.visibility, within: null, ttl: within }
  const other = row.event === null ? null : lookup(others, row.key, row.event, rules)
  if (row.columns.flag === false || other?.columns.flag === false) return null
  const { amount } = row.columns
  const theirs = other?.columns.amount ?? null
  const at = other ? other.event! - (((other.event! % 1000n) + 1000n) % 1000n) : null
  const isMore = theirs === null || amount === null ? null : (theirs as bigint) > (amount as bigint)
  return [...row.key, row.event, row.created, amount!, (other?.columns.label ?? null) as Value, at, isMore]
}

async function readBy(bundle: ViewBundle, own: readonly HistoryFile[], other: readonly HistoryFile[]) {
  return await bench.engine.withSession(async (session) => {
    const paths: string[] = []
    for (const file of own) paths.push(await bench.writeFile(session, file))
    const others: string[] = []
    for (const file of other) others.push(await bench.writeFile(session, file))
    const types = await bench.fileTypes(session, [...paths, ...others])
    const exact = await makeExactCopies(types, [], {
      all: (one) => session.all(one),
      keepFile: () => Promise.reject(new Error('no copy')),
      open: () => ({ sizeBytes: 0, read: () => Promise.reject(new Error('no copy')) }),
    })
    const built = buildIntervalQuery({
      bundle,
      interval: { start: 0n, end: hour },
      files: { own: paths, within: [], dimensions: { other: others } },
      fileTypes: exact.types,
    })
    for (const statement of built.statements) await session.execute(statement)
    const counts = rowCountsFrom((await session.all(built.counts))[0]!)
    const rows = await session.all({ sql: `SELECT * FROM (${built.output})` })
    for (const statement of built.cleanup) await session.execute(statement)
    return { counts, rows }
  })
}

const text = (rows: readonly (readonly Value[])[]) =>
  rows.map((row) => row.map((value) => (value === null ? 'null' : `${typeof value}:${value}`)).join('|')).toSorted()

test('a query answers for each row what it says, with its dimensions as they were', async () => {
  const booleans = fc.record({ a: fc.boolean(), b: fc.boolean(), c: fc.boolean(), d: fc.boolean() })
  await fc.assert(
    fc.asyncProperty(files, files, booleans, fc.constantFrom(null, hour), async (own, other, is, within) => {
      const driving = shape(is.a ? 'event' : 'created', is.b)
      const dimension = shape(is.c ? 'event' : 'created', is.d)
      const others = rowsOfFiles(other, dimension)
      const { counts, rows } = await readBy(bundleOf(driving, dimension, within), own, other)
      const here = rowsOfFiles(own, driving)
        .map((row) => ({ row, truth: truthOf(row, others, dimension, within) }))
        // A row without a time is of every interval that reads it.
        .filter(({ row: { event } }) => event === null || (event >= 0n && event < hour))
      const passed = here.filter(({ truth }) => truth !== null)
      const withKey = passed.filter(({ row }) => row.key.every((part) => part !== null))
      const kept = withKey.filter(({ row }) => row.event !== null)
      const names = ['shop', 'code', '__event_ns', '__created_ns', 'amount', 'label', 'other_at', 'is_more']
      expect(text(rows.map((row) => names.map((name) => asValue(row[name]))))).toEqual(
        text(kept.map(({ truth }) => truth!)),
      )
      expect(counts.kept).toBe(kept.length)
      expect(counts).toMatchObject({
        ...{ read: here.length, filtered: here.length - passed.length },
        rejected: { null_key: passed.length - withKey.length, null_event_time: withKey.length - kept.length },
      })
    }),
    { numRuns: casesOf(40), seed: testSeed('MILLCOURSE_TEST_SEED', 6), endOnFailure: true },
  )
})
