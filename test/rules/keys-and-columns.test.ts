/** R11-R14, R20, R23, R24: keys at the ends of their types, columns of any name, and the rows of the spine as they came. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildIntervalQuery } from '../../core/compute/index.js'
import { entity, featureView, lookup, parquet, t, type ViewBundle } from '../../core/define/index.js'
import type { QuerySession } from '../../core/ports/query-engine.js'
import { encodeKey } from '../../core/publish/index.js'
import { askTrainingSet } from '../reference/ask-training-set.js'
import { Bench } from '../reference/generated-history.js'

const odd = 'wo"rth; --'
const thing = entity('thing', { keys: { left: t.string(), right: t.string(), big: t.uint64() }, owner: 'test' })
const source = parquet('things', {
  path: 'things/*.parquet',
  schema: {
    left: t.string(),
    right: t.string(),
    'Big one': t.uint64(),
    select: t.timestamp(),
    [odd]: t.decimal(38, 4).nullable(),
    share: t.float64().nullable(),
  },
  eventTime: 'select',
  owner: 'test',
})
const view = featureView('things', {
  ...{ version: 1, entity: thing, source, since: '0001-01-01T00:00:00Z', every: '1d', owner: 'test' },
  keys: { big: 'Big one' },
  features: { worth: lookup(odd), share: lookup() },
})
const bundle: ViewBundle = {
  view: view.definition,
  entity: thing.definition,
  source: source.definition,
  definitionHash: 'test',
}

let bench: Bench
beforeAll(async () => {
  bench = await Bench.open()
})
afterAll(() => bench.close())

type Line = readonly [left: string | null, right: string | null, big: string, at: string, worth?: string]

async function commit(session: QuerySession, lines: readonly Line[]): Promise<string> {
  const rows = lines.map(
    ([left, right, big, at, worth]) => `(${[left, right, big, at, worth ?? null].map(text).join(', ')}, 0.5)`,
  )
  const columns = `CAST(a AS VARCHAR) AS "left", CAST(b AS VARCHAR) AS "right", CAST(c AS UBIGINT) AS "Big one", CAST(d AS TIMESTAMP) AS "select",
    CAST(e AS DECIMAL(38,4)) AS "wo""rth; --", CAST(f AS DOUBLE) AS share`
  const from =
    lines.length > 0 ? `(VALUES ${rows.join(', ')})` : '(SELECT NULL, NULL, NULL, NULL, NULL, NULL WHERE false)'
  const path = await bench.write(session, `SELECT ${columns} FROM ${from} v(a, b, c, d, e, f)`)
  const interval = { start: -(10n ** 20n), end: 10n ** 22n }
  const query = buildIntervalQuery({
    ...{ bundle, interval, files: { own: [path], within: [] } },
    fileTypes: await bench.fileTypes(session, [path]),
  })
  for (const statement of query.statements) await session.execute(statement)
  return await bench.write(session, query.output)
}
const text = (value: string | null): string => (value === null ? 'NULL' : `'${value.replaceAll("'", "''")}'`)

/** The training set of a spine; `columns` beside the keys and the time `at`. */
async function ask(lines: readonly Line[], spine: string, mapping: Record<string, string> = {}) {
  return await bench.engine.withSession(async (session) => {
    const files = [await commit(session, lines)]
    const file = await bench.write(session, spine)
    return await askTrainingSet(bench, session, { file, format: 'parquet', eventTimeColumn: 'at' }, [
      { bundle, features: ['worth'], mapping, files },
    ])
  })
}
const at = `TIMESTAMP '2001-01-01' AS "at"`
const day = '2000-12-31 00:00:00'

describe('keys', () => {
  test('R13: every part counts, wherever one ends and the next begins', async () => {
    const keys = [
      ['a', 'bc'],
      ['ab', 'c'],
      ['abc', ''],
      ['', 'abc'],
      ['a|b', 'c'],
      ['a', 'b|c'],
      ['a,', 'b'],
      ['a', ',b'],
    ] as const
    const lines = keys.map(([left, right], index): Line => [left, right, '1', day, `${index}`])
    const values = keys.map(([left, right], index) => `(${index}, ${text(left)}, ${text(right)})`).join(', ')
    const got = await ask(
      lines,
      `SELECT n, l AS "left", r AS "right", 1::UBIGINT AS big, ${at} FROM (VALUES ${values}) v(n, l, r) ORDER BY n`,
    )
    expect(got.map((row) => Number(row.things__worth))).toEqual(keys.map((_, index) => index))
    const encoded = keys.map(([left, right]) =>
      Buffer.from(encodeKey(bundle.entity.keys, [left, right, 1n])).toString('hex'),
    )
    expect(new Set(encoded).size).toBe(keys.length)
  })

  test('R12: unsigned 64-bit keys are exact up to their last one, and never a negative number', async () => {
    const max = '18446744073709551615'
    const lines: Line[] = [
      ['x', 'x', max, day, '1'],
      ['x', 'x', '18446744073709551614', day, '2'],
      ['x', 'x', '9007199254740993', day, '3'],
    ]
    const bigs = [max, '18446744073709551614', '9007199254740993', '9007199254740992']
    const spine = (type: string, values: readonly string[]) =>
      `SELECT n, 'x' AS "left", 'x' AS "right", CAST(b AS ${type}) AS big, ${at} FROM (VALUES ${values.map((big, n) => `(${n}, ${text(big)})`).join(', ')}) v(n, b) ORDER BY n`
    const worth = async (select: string) => (await ask(lines, select)).map((row) => row.things__worth)
    expect(await worth(spine('UBIGINT', bigs))).toEqual(['1.0000', '2.0000', '3.0000', null])
    // As a signed number -1 has the bits of the largest.
    expect(await worth(spine('BIGINT', ['-1', '-2', '9007199254740993']))).toEqual([null, null, '3.0000'])
  })

  test('R12: strings are compared as bytes: no trimming, no folding, no other way to write a letter', async () => {
    const keys = ['a', 'A', ' a', 'a ', 'é', 'e\u0301', '1', '01', '1.0', '']
    const lines = keys.map((left, index): Line => [left, 'x', '1', day, `${index}`])
    const values = [...keys, 'e'].map((left, n) => `(${n}, ${text(left)})`).join(', ')
    const got = await ask(
      lines,
      `SELECT n, l AS "left", 'x' AS "right", 1 AS big, ${at} FROM (VALUES ${values}) v(n, l) ORDER BY n`,
    )
    expect(got.map((row) => row.things__worth)).toEqual([...keys.map((_, index) => `${index}.0000`), null])
  })

  test('R13: the same view under two mappings keeps both', async () => {
    const lines: Line[] = [
      ['a', 'x', '1', day, '1'],
      ['b', 'x', '1', day, '2'],
    ]
    await bench.engine.withSession(async (session) => {
      const files = [await commit(session, lines)]
      const file = await bench.write(session, `SELECT 'a' AS "from", 'b' AS "to", 'x' AS "right", 1 AS big, ${at}`)
      const view = { bundle, features: ['worth'], files }
      const got = await askTrainingSet(bench, session, { file, format: 'parquet', eventTimeColumn: 'at' }, [
        { ...view, mapping: { left: 'from' }, as: 'here' },
        { ...view, mapping: { left: 'to' }, as: 'there' },
      ])
      expect(got).toMatchObject([{ here__worth: '1.0000', there__worth: '2.0000', from: 'a', to: 'b' }])
    })
  })
})

describe('columns and rows', () => {
  test('R20, R23: a decimal of 38 digits keeps each of them, in a column whose name needs quoting', async () => {
    const worth = '9999999999999999999999999999999999.9999'
    const got = await ask([['a', 'b', '1', day, worth]], `SELECT 'a' AS "left", 'b' AS "right", 1 AS big, ${at}`)
    expect(got).toMatchObject([{ things__worth: worth }])
  })

  test('R14, R23: the spine’s rows in their order with their own columns, duplicates and unknown keys among them', async () => {
    const rows = [
      ['b', 7],
      ['a', 5],
      ['zz', null],
      ['a', 5],
      ['a', 6],
    ] as const
    const values = rows.map(([left, own], n) => `(${n}, ${text(left)}, ${own ?? 'NULL'})`).join(', ')
    const spine = `SELECT l AS "left", 'x' AS "right", 1 AS big, ${at}, CAST(o AS TINYINT) AS "own ""x", l AS "things" FROM (VALUES ${values}) v(n, l, o) ORDER BY n`
    const got = await ask(
      [
        ['a', 'x', '1', day, '1'],
        ['b', 'x', '1', day, '2'],
      ],
      spine,
    )
    expect(Object.keys(got[0]!)).toEqual(['left', 'right', 'big', 'at', 'own "x', 'things', 'things__worth'])
    expect(got.map((row) => [row.left, row['own "x'], row.things__worth])).toEqual([
      ...[
        ['b', 7, '2.0000'],
        ['a', 5, '1.0000'],
        ['zz', null, null],
        ['a', 5, '1.0000'],
        ['a', 6, '1.0000'],
      ],
    ])
  })

  test('R11: times from the year 1 to the end of time are compared as they are, none wraps', async () => {
    const times = [
      '0001-01-01 00:00:00',
      '1677-09-21 00:12:43',
      '1969-12-31 23:59:59.999999',
      '2262-04-12 00:00:00',
      '9999-12-31 23:59:59.999999',
      'infinity',
    ]
    const lines = times.map((time, index): Line => ['a', 'x', '1', time, `${index}`])
    const values = [...times, '9999-12-31 23:59:59.999998', '0001-01-01 00:00:00.000001', '2262-04-11 23:50:00']
      .map((time, n) => `(${n}, ${text(time)})`)
      .join(', ')
    const got = await ask(
      lines,
      `SELECT 'a' AS "left", 'x' AS "right", 1 AS big, CAST(d AS TIMESTAMP) AS "at" FROM (VALUES ${values}) v(n, d) ORDER BY n`,
    )
    expect(got.map((row) => Number(row.things__worth))).toEqual([0, 1, 2, 3, 4, 5, 3, 0, 2])
  })

  test('R24: an empty source, an empty spine, and both', async () => {
    const spine = (where: string) => `SELECT 'a' AS "left", 'x' AS "right", 1 AS big, ${at} WHERE ${where}`
    expect(await ask([], spine('true'))).toMatchObject([{ left: 'a', things__worth: null }])
    expect(await ask([['a', 'x', '1', day, '1']], spine('false'))).toEqual([])
    expect(await ask([], spine('false'))).toEqual([])
  })
})
