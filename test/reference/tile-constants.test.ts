/** What footers say of tiles spares their merging, and changes no answer (R8, R20). */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildIntervalQuery, buildTileConstantsQuery, tileConstantsFrom } from '../../core/compute/index.js'
import { entity, featureView, parquet, t, type ViewBundle, window } from '../../core/define/index.js'
import type { QuerySession } from '../../core/ports/query-engine.js'
import { parseInstant } from '../../core/time/instant.js'
import { askTrainingSet } from './ask-training-set.js'
import { Bench } from './generated-history.js'

const owner = 'test'
const user = entity('user', { keys: { user_id: t.string() }, owner })
const source = parquet('events', {
  path: 'events/*.parquet',
  schema: {
    ...{ user_id: t.string(), at: t.timestamp(), kind: t.string() },
    ...{ whole: t.int64().nullable(), real: t.float64().nullable(), price: t.decimal(10, 2).nullable() },
  },
  ...{ eventTime: 'at', owner },
})
const plain = {
  rows: window.count({ over: '2h' }),
  wholes: window.count('whole', { over: '2h' }),
  whole_sum: window.sum('whole', { over: '2h' }),
  whole_min: window.min('whole', { over: '2h' }),
  price_sum: window.sum('price', { over: '2h' }),
  real_sum: window.sum('real', { over: '2h' }),
  real_avg: window.avg('real', { over: '6h' }),
  real_var: window.var_pop('real', { over: '2h' }),
} as const
const several = { ...plain, kinds: window.count_distinct('kind', { over: '2h' }) } as const
const shared = {
  version: 1,
  entity: user,
  source,
  since: '2001-01-01T00:00:00Z',
  every: '1d',
  tile: '1h',
  owner,
} as const
const bundleOf = (features: typeof plain | typeof several): ViewBundle => ({
  view: featureView('recent', { ...shared, features }).definition,
  ...{ entity: user.definition, source: source.definition, definitionHash: 'test' },
})
const interval = { start: parseInstant('2001-01-01T00:00:00Z'), end: parseInstant('2001-01-02T00:00:00Z') }

let bench: Bench
beforeAll(async () => {
  bench = await Bench.open()
})
afterAll(() => bench.close())

/** `rows`: user, hour, whole, real, price as SQL. */
async function commit(session: QuerySession, bundle: ViewBundle, rows: readonly string[]): Promise<string> {
  const events = await bench.write(
    session,
    `SELECT u AS user_id, TIMESTAMP '2001-01-01 00:30:00' + to_hours(h) AS "at", 'k' AS kind, w::BIGINT AS whole, r::DOUBLE AS "real", p::DECIMAL(10,2) AS price
      FROM (VALUES ${rows.map((row) => `(${row})`).join(', ')}) v(u, h, w, r, p)`,
  )
  const fileTypes = await bench.fileTypes(session, [events])
  const query = buildIntervalQuery({ bundle, interval, files: { own: [events], within: [] }, fileTypes })
  for (const statement of query.statements) await session.execute(statement)
  return bench.write(session, query.output)
}

/** At three o'clock, of the first three tiles; `d` has none. */
async function answers(session: QuerySession, bundle: ViewBundle, tiles: readonly string[]) {
  const file = await bench.write(
    session,
    `SELECT u AS user_id, TIMESTAMP '2001-01-01 03:00:00' AS "at" FROM (VALUES ('a'), ('b'), ('c'), ('d')) v(u)`,
  )
  const features = bundle.view.features.map(({ name }) => name)
  const rows = await askTrainingSet(bench, session, { file, format: 'parquet', eventTimeColumn: 'at' }, [
    { bundle, features, mapping: {}, files: tiles },
  ])
  return Object.fromEntries(
    rows.map(({ user_id, at, ...row }) => [
      String(user_id),
      Object.values(row).map((value) => (value === null ? null : Number(value))),
    ]),
  )
}

async function known(session: QuerySession, files: readonly string[]) {
  return Object.fromEntries(tileConstantsFrom(await session.all(buildTileConstantsQuery(files)!)))
}

test.each([
  ['one part', plain],
  ['several parts', several],
])('zeros and nulls throughout are answered as such: %s', async (_, features) => {
  const bundle = bundleOf(features)
  await bench.engine.withSession(async (session) => {
    const tiles = await commit(session, bundle, [`'a', 2, 0, 0, 0`, `'b', 2, NULL, NULL, NULL`, `'c', 0, 0, 0, 0`])
    const constants = await known(session, [tiles])
    expect(constants).toMatchObject({
      ...{ '__sum whole': 'zeroOrNull', '__sum0 real': 'zeroOrNull', '__sumRest real': 'null', __until: 'null' },
      ...{ '__sum price': 'zeroOrNull', '__min whole': 'zeroOrNull' },
    })
    expect(constants).not.toHaveProperty('__count')
    const rest = 'kinds' in features ? [[1], [1], [0], [0]] : [[], [], [], []]
    expect(await answers(session, bundle, [tiles])).toEqual({
      a: [1, 1, 0, 0, 0, 0, 0, 0, ...rest[0]!],
      b: [1, 0, null, null, null, null, null, null, ...rest[1]!],
      // Its row lies in the longest window alone.
      c: [0, 0, null, null, null, null, 0, null, ...rest[2]!],
      d: [0, 0, null, null, null, null, null, null, ...rest[3]!],
    })
  })
})

test('what is constant in one file and not in another is merged', async () => {
  const bundle = bundleOf(plain)
  await bench.engine.withSession(async (session) => {
    const zeros = await commit(session, bundle, [`'a', 1, 0, 0, 0`, `'b', 1, 0, 0, 0`])
    const values = await commit(session, bundle, [`'a', 2, 3, 0.5, 1.25`, `'c', 2, -2, 1e6, 2`])
    expect(await known(session, [zeros])).toMatchObject({ '__sum whole': 'zero', '__sum1 real': 'zero' })
    const both = await known(session, [zeros, values])
    expect(both).toMatchObject({ '__sum2 real': 'zero', '__sumRest real': 'null' })
    for (const name of ['__sum whole', '__sum0 real', '__sum1 real', '__min whole', '__sum price'])
      expect(both).not.toHaveProperty(name)
    expect(await answers(session, bundle, [zeros, values])).toEqual({
      a: [2, 2, 3, 0, 1.25, 0.5, 0.25, 0.0625],
      b: [1, 1, 0, 0, 0, 0, 0, 0],
      c: [1, 1, -2, -2, 2, 1e6, 1e6, 0],
      d: [0, 0, null, null, null, null, null, null],
    })
  })
})

test('nothing is known of floats and small decimals that look like zero, of columns that a file lacks, and of too many files', async () => {
  await bench.engine.withSession(async (session) => {
    const small = `'0.${'0'.repeat(37)}1'::DECIMAL(38, 38)`
    const columns = `-0.0::DOUBLE AS f, 0 AS i, '0' AS s, DATE '1970-01-01' AS d, ${small} AS p`
    const whole = await bench.write(session, `SELECT ${columns}, 0 AS n`)
    const lacking = await bench.write(session, `SELECT ${columns}`)
    expect(await known(session, [whole])).toEqual({ i: 'zero', n: 'zero' })
    expect(await known(session, [whole, lacking])).toEqual({ i: 'zero' })
  })
  expect(buildTileConstantsQuery([])).toBeNull()
  expect(buildTileConstantsQuery(Array.from({ length: 257 }, (_, at) => `${at}.parquet`))).toBeNull()
})
