/** What `plan` has against the SQL of a query, by the engine's own parser and binder: each refusal at its place, and what is allowed. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { queryProblems } from '../../cli/commands/query-problems.js'
import { asOf, entity, type FeatureRepo, featureView, lookup, parquet, query, t } from '../../core/define/index.js'
import { Bench } from './generated-history.js'

const owner = 'test'
const flights = parquet('flights', {
  path: 'flights/date={yyyy-MM-dd}/*.parquet',
  eventTime: 'date',
  schema: {
    date: t.timestamp(),
    origin: t.string(),
    delay: t.int64().nullable(),
    distance: t.float64(),
    seen: t.timestamp(),
    'odd "name': t.int32(),
  },
  owner,
})
const airports = parquet('airports', {
  path: 'airports/*.parquet',
  eventTime: 'valid_from',
  schema: { iata: t.string(), state: t.string(), valid_from: t.timestamp(), runways: t.int32() },
  owner,
})

let bench: Bench
beforeAll(async () => {
  bench = await Bench.open()
})
afterAll(() => bench.close())

const schema = { date: t.timestamp(), origin: t.string() }

async function problemsOf(sql: string, columns: Parameters<typeof query>[1]['schema'] = schema) {
  const source = query('us_flights', {
    from: flights,
    with: { airport: asOf(airports, { iata: 'origin' }) },
    sql,
    schema: columns,
    owner,
  } as never)
  const repo: FeatureRepo = {
    project: 'test',
    entities: [],
    sources: [flights.definition, airports.definition, source.definition],
    views: [],
    services: [],
  }
  const context = { engine: async () => bench.engine, signal: new AbortController().signal }
  return await queryProblems(context, repo, new Set())
}

const said = async (sql: string, columns?: Parameters<typeof problemsOf>[1]) =>
  (await problemsOf(sql, columns)).map(({ code, message }) => `${code} ${message.replace(/^source 'us_flights'/, '')}`)

describe("a view's own check", () => {
  const problemsOfOwn = async (sql: string) => {
    const shop = entity('airport', { keys: { origin: t.string() }, owner })
    const view = featureView('delays', {
      ...{ version: 1, entity: shop, source: flights, since: '2001-01-01T00:00:00Z', every: '1h', owner },
      ...{ features: { delay: lookup() }, checks: { own: { sane: { sql } } } },
    })
    const repo: FeatureRepo = {
      ...{ project: 'test', entities: [shop.definition], sources: [flights.definition], services: [] },
      views: [view.definition],
    }
    const context = { engine: async () => bench.engine, signal: new AbortController().signal }
    return (await queryProblems(context, repo, new Set())).map(({ message }) =>
      message.replace("view 'delays', check 'sane'", ''),
    )
  }
  test.each([
    'SELECT * FROM rows WHERE delay < -60 AND seen > date',
    'select origin from rows group by origin having count(*) > 1 and avg(delay) > 3 -- too many',
    'WITH late AS (SELECT * FROM "rows" WHERE delay > 60) SELECT * FROM late QUALIFY row_number() OVER (ORDER BY date) > 3',
    'SELECT a.origin FROM rows a JOIN rows b USING (origin) WHERE a.date < b.date - INTERVAL 1 HOUR UNION ALL SELECT origin FROM rows WHERE "odd ""name" IS NULL;',
    'SELECT count(*) FROM rows WHERE delay IN (SELECT max(delay) FROM rows) LIMIT 5',
  ])('may be %s', async (sql) => {
    expect(await problemsOfOwn(sql)).toEqual([])
  })
  test.each([
    ["SELECT * FROM 'secret.parquet'", 'there is no table "secret.parquet"'],
    ["SELECT * FROM rows, read_text('/etc/passwd')", 'read_text is refused'],
    ['SELECT * FROM rows WHERE delay > (SELECT count(*) FROM duckdb_settings())', 'duckdb_settings is refused'],
    ['SELECT * FROM main.rows', 'there is no table "main.rows"'],
    ['SELECT * FROM rows WHERE seen < now()', 'now answers differently at another time or on another machine'],
    [
      'SELECT * FROM rows WHERE seen < current_date',
      'current_date answers differently at another time or on another machine',
    ],
    ['SELECT * FROM rows USING SAMPLE 3', 'a sample is refused'],
    ['SELECT * FROM rows WHERE random() < 0.5', 'random answers differently at another time or on another machine'],
    ['SELECT * FROM rows WHERE delay > $1', 'a parameter is refused'],
    ['SELECT 1; SELECT 2', 'it is not one statement'],
    ["SELECT getenv('HOME') FROM rows", 'there is no function getenv'],
    ['DELETE FROM rows', 'Only SELECT statements can be serialized to json!'],
    ['SELECT * FROM (SHOW TABLES)', 'SHOW_REF is refused'],
  ])('is refused: %s', async (sql, what) => {
    const [first] = await problemsOfOwn(sql)
    expect(first?.replace(/^, line \d+, column \d+ of its SQL/, '')).toBe(`: ${what}`)
  })
  test('is bound to the declared columns', async () => {
    expect((await problemsOfOwn('SELECT * FROM rows WHERE delai > 3'))[0]).toContain('"delai" not found')
    expect((await problemsOfOwn('SELECT * FROM rows WHERE abs(origin) > 1'))[0]).toMatch(/^: .*abs/)
  })
})

describe('a query is refused', () => {
  const where = (line: number, column: number, what: string, code = 'DEFINE_QUERY_REFUSED') =>
    `${code} , line ${line}, column ${column} of its SQL: ${what}`
  const cases: Record<string, readonly [sql: string, said: string]> = {
    'a mistake of syntax': ['SELECT date,\n origin FRM flights', where(2, 13, 'syntax error at or near "flights"')],
    'an unknown column': [
      'SELECT date, origin FROM flights\nWHERE dellay > 1',
      where(2, 7, 'source "flights" has no column "dellay"', 'DEFINE_UNKNOWN_COLUMN'),
    ],
    'an unknown column after letters of several bytes': [
      "SELECT date, 'é€😀' AS x, orign FROM flights",
      where(1, 26, 'source "flights" has no column "orign"', 'DEFINE_UNKNOWN_COLUMN'),
    ],
    'an unknown column of a dimension': [
      'SELECT date, origin FROM flights AS f WHERE airport.stat IS NULL',
      where(1, 45, 'dimension "airport" has no column "stat"', 'DEFINE_UNKNOWN_COLUMN'),
    ],
    'a column of another table': [
      'SELECT date, airports.iata AS origin FROM flights',
      where(1, 14, 'source "flights" has no column "airports.iata"', 'DEFINE_UNKNOWN_COLUMN'),
    ],
    'what the product keeps beside the columns': [
      'SELECT date, origin FROM flights WHERE "__query_row" = 1',
      where(1, 40, 'source "flights" has no column "__query_row"', 'DEFINE_UNKNOWN_COLUMN'),
    ],
    'an undeclared table': ['SELECT date, origin FROM planes', where(1, 26, 'there is no table "planes"')],
    'a file': [`SELECT date, origin FROM 'x.parquet'`, where(1, 26, 'there is no table "x.parquet"')],
    'a function that reads a file': [
      `SELECT date, origin FROM read_parquet('x')`,
      where(1, 26, 'it does not read from flights'),
    ],
    'a join': ['SELECT date, origin FROM flights, airports', where(1, 26, 'JOIN is refused')],
    'the clock': [
      'SELECT date, origin FROM flights WHERE date < now()',
      where(1, 47, 'now answers differently at another time or on another machine'),
    ],
    'the clock without parentheses': [
      'SELECT date, origin FROM flights WHERE date < current_date',
      where(1, 47, 'current_date answers differently at another time or on another machine'),
    ],
    'the clock as an age': [
      'SELECT date, origin FROM flights WHERE age(date) IS NULL',
      where(1, 40, 'age answers differently at another time or on another machine'),
    ],
    chance: [
      'SELECT date, origin FROM flights WHERE random() < 0.5',
      where(1, 40, 'random answers differently at another time or on another machine'),
    ],
    'a setting': [
      `SELECT date, current_setting('TimeZone') AS origin FROM flights`,
      where(1, 14, 'current_setting answers differently at another time or on another machine'),
    ],
    'a plan of another statement, which has the clock in it': [
      `SELECT date, CAST(json_serialize_plan('select current_date', optimize := true) AS VARCHAR) AS origin FROM flights`,
      where(1, 19, 'json_serialize_plan answers differently at another time or on another machine'),
    ],
    'how rows lie in memory': [
      'SELECT date, vector_type(origin) AS origin FROM flights',
      where(1, 14, 'vector_type answers differently at another time or on another machine'),
    ],
    'a function that nobody looked at': [
      "SELECT date, parse_dirpath(origin, 'system') AS origin FROM flights",
      where(1, 14, 'parse_dirpath is not among the functions that are known to make the same of the same row'),
    ],
    'an aggregate of a list that draws by chance': [
      "SELECT date, origin FROM flights WHERE list_aggregate([1], 'reservoir_quantile', 0.5) = 1",
      where(1, 40, 'list_aggregate is refused'),
    ],
    'a time of day whose zone is counted to today': [
      "SELECT date, CAST(timezone('America/New_York', CAST('12:00:00+00' AS TIMETZ)) AS VARCHAR) AS origin FROM flights",
      where(1, 48, 'a time of day with a zone is refused'),
    ],
    'what the product keeps, as JSON': [
      `SELECT date, CAST((__query_row -> '$') AS VARCHAR) AS origin FROM flights`,
      where(1, 20, 'source "flights" has no column "__query_row"', 'DEFINE_UNKNOWN_COLUMN'),
    ],
    'what the product keeps, as JSON in a map': [
      "SELECT date, origin FROM flights WHERE cardinality(MAP {__query_row -> 'a': 1}) = 1",
      where(1, 57, 'source "flights" has no column "__query_row"', 'DEFINE_UNKNOWN_COLUMN'),
    ],
    'what the product keeps, as JSON within a lambda and beside one': [
      "SELECT date, origin FROM flights WHERE list_reduce([1], lambda x, y: x, __query_row -> '$') = 1",
      where(1, 73, 'source "flights" has no column "__query_row"', 'DEFINE_UNKNOWN_COLUMN'),
    ],
    'rows as of another version': ['SELECT date, origin FROM flights AT (VERSION => 1)', where(1, 26, 'AT is refused')],
    'an aggregate': ['SELECT date, max(origin) AS origin FROM flights', where(1, 14, 'max is of many rows')],
    'a macro of an aggregate': [
      'SELECT date, origin FROM flights WHERE wavg(delay, 1) > 1',
      where(1, 40, 'wavg is of many rows'),
    ],
    'a function that makes rows': [
      'SELECT date, unnest([origin]) AS origin FROM flights',
      where(1, 14, 'unnest makes rows'),
    ],
    'a function there is not': [
      'SELECT date, uper(origin) AS origin FROM flights',
      where(1, 14, 'there is no function uper'),
    ],
    'a window': [
      'SELECT date, lag(origin) OVER (ORDER BY date) AS origin FROM flights',
      where(1, 14, 'a window function is refused'),
    ],
    'a subquery': [
      'SELECT date, origin FROM flights WHERE origin IN (SELECT iata FROM airports)',
      where(1, 47, 'a subquery is refused'),
    ],
    DISTINCT: ['SELECT DISTINCT date, origin FROM flights', 'DEFINE_QUERY_REFUSED : DISTINCT is refused'],
    LIMIT: ['SELECT date, origin FROM flights LIMIT 3', where(1, 40, 'LIMIT is refused')],
    'ORDER BY': ['SELECT date, origin FROM flights ORDER BY origin', where(1, 43, 'ORDER BY is refused')],
    QUALIFY: ['SELECT date, origin FROM flights QUALIFY delay > 1', where(1, 48, 'QUALIFY is refused')],
    'a sample': ['SELECT date, origin FROM flights TABLESAMPLE 10%', where(1, 26, 'a sample is refused')],
    '*': ['SELECT * FROM flights', where(1, 8, '* is refused')],
    'a statement more': [
      'SELECT date, origin FROM flights; DROP TABLE flights',
      'DEFINE_QUERY_REFUSED : Only SELECT statements can be serialized to json!',
    ],
    'a comment after the semicolon': [
      "SELECT date, 'é;' AS origin FROM flights; -- all",
      where(1, 41, 'something follows its semicolon'),
    ],
    'what closes a bracket that the product opened': [
      'SELECT date, origin FROM flights) UNION ALL (SELECT 1, 2',
      where(1, 33, 'syntax error at or near ")"'),
    ],
    UNION: [
      'SELECT date, origin FROM flights UNION ALL SELECT date, origin FROM flights',
      'DEFINE_QUERY_REFUSED : it is not one SELECT',
    ],
    WITH: [
      'WITH x AS (SELECT 1) SELECT date, origin FROM flights',
      'DEFINE_QUERY_REFUSED : it does not begin with SELECT',
    ],
    'no SELECT': ['DELETE FROM flights', 'DEFINE_QUERY_REFUSED : Only SELECT statements can be serialized to json!'],
    'a changed event time': [
      'SELECT date + INTERVAL 1 DAY AS date, origin FROM flights',
      where(1, 13, '"date" is the time of the row, and the SQL changes it'),
    ],
    'a column that its schema lacks': [
      'SELECT date, origin, delay FROM flights',
      where(1, 22, 'the SQL answers with "delay", which its schema does not have', 'DEFINE_UNKNOWN_COLUMN'),
    ],
    'a column that the SQL lacks': [
      'SELECT date FROM flights',
      'DEFINE_UNKNOWN_COLUMN : the SQL does not answer with "origin", which its schema has',
    ],
    'another type': [
      'SELECT date, delay AS origin FROM flights',
      where(1, 14, '"origin" is declared string, the SQL answers with BIGINT'),
    ],
    'what the engine has no function for': [
      `SELECT date, origin FROM flights WHERE date_trunc('day', origin) IS NULL`,
      expect.stringContaining('DEFINE_QUERY_REFUSED : ') as unknown as string,
    ],
  }
  test.each(Object.entries(cases))('for %s', async (_, [sql, expected]) => {
    const problems = await said(sql)
    expect(problems[0]).toEqual(expected)
  })

  test('with the definition, the line and a name that is near', async () => {
    const [problem] = await problemsOf('SELECT date,\n  orign AS origin\nFROM flights')
    expect(problem).toMatchObject({
      code: 'DEFINE_UNKNOWN_COLUMN',
      detail: {
        hint: expect.stringContaining('did you mean "origin"?'),
        facts: {
          source: 'us_flights',
          column: 'orign',
          sql: '2:3',
          written: 'orign AS origin',
          line: expect.any(Number),
        },
      },
    })
    expect(problem!.detail.facts!.file).toMatch(/query-check\.test\.ts$/)
  })
})

describe('a query may', () => {
  const columns = (more: Record<string, unknown>) => ({ ...schema, ...more }) as never
  test.each([
    ['filter and rename', 'select f.date, upper(origin) as origin from flights f where f.delay > 15 -- late', {}],
    [
      'derive one column from another it names',
      'SELECT date, origin, delay > 15 AS is_late, NOT is_late AS is_early FROM flights',
      { is_late: t.boolean(), is_early: t.boolean() },
    ],
    [
      'read a dimension',
      `SELECT date, origin, airport.state AS state, flights.airport.runways + 1 AS n FROM flights WHERE airport.state = 'CA'`,
      { state: t.string(), n: t.int64() },
    ],
    [
      'use odd names, lists and functions of them',
      'SELECT date, origin, "odd ""name" AS "a ""b", list_sum(list_transform([delay, 1], lambda x: x + delay))::DOUBLE AS s, cast(date_trunc(\'day\', date) AS DATE) AS d FROM flights',
      { 'a "b': t.int64(), s: t.float64(), d: t.date() },
    ],
    [
      'look into JSON, and into lists with lambdas of each form',
      `SELECT date, origin, CAST(CAST(origin AS JSON) -> '$.a' AS VARCHAR) AS a, CAST(origin -> 'b' AS VARCHAR) AS b, [x + 1 FOR x IN [delay] IF x > 2][1] AS c, list_filter(['{}'], lambda y: (y -> '$') IS NOT NULL)[1] AS d, list_aggregate([delay], 'max') AS e FROM flights`,
      { a: t.string(), b: t.string(), c: t.int64(), d: t.string(), e: t.int64() },
    ],
    [
      'make times',
      `SELECT date, origin, seen + INTERVAL 1 HOUR AS at, seen FROM flights`,
      { at: t.timestamp(), seen: t.timestamp() },
    ],
    ['name names in any case', 'SELECT DATE, Origin FROM Flights'.replace('Flights', 'flights'), {}],
    [
      'choose by CASE, IN, BETWEEN and LIKE',
      `SELECT date, CASE WHEN origin IN ('A', 'B') THEN 'x' ELSE origin END AS origin FROM flights WHERE delay BETWEEN 1 AND 2 AND origin LIKE 'A%' AND NOT origin ~ 'B'`,
      {},
    ],
    ['end in semicolons', "SELECT date, origin FROM flights WHERE origin <> ';' /* ; */; ;", {}],
    ['begin after a comment, and end in a semicolon', '/* all */ -- of them\nSELECT date, origin FROM flights;', {}],
  ])('%s', async (_, sql, more) => {
    expect(await said(sql, columns(more))).toEqual([])
  })
})
