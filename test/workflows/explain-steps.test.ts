/** Why a value is what it is, over real runs in Postgres, DuckDB and folders: files that come late, change, go or are damaged; held hours. */
import { rm, utimes } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SystemClock } from '../../adapters/clock/system-clock.js'
import { explain } from '../../cli/commands/explain.js'
import type { CliContext } from '../../cli/context.js'
import type { ExplainFacts } from '../../cli/explain-screen/explain-facts.js'
import { compactedPath } from '../../core/compact/index.js'
import { buildCompaction } from '../../core/compute/index.js'
import { window } from '../../core/define/index.js'
import { parseInstant } from '../../core/time/instant.js'
import { folder, hour, hourOf, redelivery, type SalesRig, sale, startSalesRig } from '../support/sales-views.js'

const sums = {
  tile: '1h',
  features: { total: window.sum('amount', { over: '2h' }), sales: window.count({ over: '2h' }) },
}
let rig: SalesRig
beforeAll(async () => {
  rig = await startSalesRig({
    latest: { view: { ttl: '2h' } },
    late: {},
    changed: {},
    removed: {},
    damaged: {},
    held: { view: { checks: { features: { amount: { nullRateMax: 0.5 } } } } },
    sums: { view: sums },
    alone: { view: { checks: { features: { amount: { max: 100, severity: 'hold-feature' } } } } },
    alone_sums: { view: { ...sums, checks: { features: { total: { max: 100, severity: 'hold-feature' } } } } },
    unreadable: {},
    busy: {},
    busy_sums: { view: sums },
    named: {},
    bucketed: {},
    whole: { path: 'whole/*.parquet', view: { ttl: '2h' } },
    whole_sums: { path: 'whole/*.parquet', view: sums },
    bucketed_sums: { view: { tile: '1h', features: { total: window.sum('amount', { over: '4h' }) } } },
  })
})
afterAll(() => rig?.stop())

async function asked(
  view: string,
  at: string,
  key = 'shop=x',
  now = hour(6),
): Promise<{ facts: ExplainFacts; text: string }> {
  const { ledger, registry, lake, sources, engine, settings } = rig.deps
  const context = {
    ...{ ledger: async () => ledger, registry: async () => registry, lake: async () => lake },
    ...{ sources: async () => sources, engine: async () => engine, online: () => Promise.reject(new Error('offline')) },
    ...{ project: settings.project, clock: new SystemClock(parseInstant(now)), givenOptions: '' },
    ...{ progress: { update() {}, line() {}, end() {} }, signal: new AbortController().signal },
  } as unknown as CliContext
  const { data, text } = await explain(context, view, [key], { at })
  return { facts: data as ExplainFacts, text }
}

const three = ({ facts }: { facts: ExplainFacts }, name = 'amount') => {
  const { value, recomputed, sourceNow } = facts.features.find((one) => one.name === name)!
  return [value, recomputed, sourceNow]
}
const causesOf = ({ facts }: { facts: ExplainFacts }) =>
  facts.causes.map(({ code, file, interval }) => [
    code,
    file?.split('/').slice(-2).join('/') ?? null,
    interval?.start.slice(11, 16) ?? null,
  ])
const run = (view: string, hours: number) => rig.run(hourOf(view, hours))

test.each(['whole', 'whole_sums'])(
  'rows of intervals that decide nothing, in a file of many, are not told of %s as if no run had been',
  async (view) => {
    const rows = [0, 1, 2, 3, 4, 5].map((at) => sale(hour(at, 10), 'x', at))
    await rig.writeFile('whole/a.parquet', rows.join(' UNION ALL '))
    await rig.settle(view, hour(6))
    const { facts, text } = await asked(view, hour(3))
    expect(
      facts.rows.map(({ eventAt, notCommitted }) => `${eventAt.slice(11, 16)} ${notCommitted}`).toSorted(),
    ).toEqual(
      view === 'whole' ? ['02:10 null', '03:10 null', '05:10 null'] : ['01:10 null', '02:10 null', '03:10 null'],
    )
    expect(facts.counts).toMatchObject({ rows: facts.rows.length, looked: facts.rows.length, isCut: false })
    expect(text).not.toContain('no run yet')
    // The hour that is under way is no gap, wherever in it one asks.
    for (const now of [hour(6), hour(6, 30)])
      expect((await asked(view, hour(6), 'shop=x', now)).facts.state.missing).toEqual([])
    expect((await asked(view, hour(6, 40), 'shop=x', hour(7, 30))).facts.state.missing).toEqual([
      { interval: { start: hour(6), end: hour(7) }, run: null, outcome: 'missing' },
    ])
  },
)

describe('a value', () => {
  test('R1, R2: of a lookup is one source row, told by file and number; to the nanosecond, and its ttl', async () => {
    await rig.write('latest', 0, 'a', sale(hour(0, 5), 'y', 1), sale(hour(0, 10), 'x', 7))
    await rig.write('latest', 1, 'b', sale(hour(1, 30), 'x', 9))
    const { runId } = await run('latest', 0)
    await run('latest', 1)
    const found = await asked('latest', hour(1))
    expect(three(found)).toEqual(['7', '7', '7'])
    expect(found.facts.causes).toEqual([])
    const answer = found.facts.rows[0]!
    expect([answer.role, answer.row, answer.columns.amount, answer.interval.start]).toEqual([
      'counted',
      2,
      '7',
      hour(0),
    ])
    expect(answer.file).toMatch(/\/latest\/h=2001-01-01T00\/a\.parquet$/)
    expect(found.facts.commits).toMatchObject([{ run: runId, interval: { start: hour(0) } }, {}])
    expect(found.text).toContain('the newest row seen (R1): row 2 of h=2001-01-01T00/a.parquet')
    expect(three(await asked('latest', '2001-01-01T01:29:59.999999999Z'))[0]).toBe('7')
    expect(three(await asked('latest', hour(1, 30)))[0]).toBe('9')
    const lasts = await asked('latest', hour(3, 30))
    expect([three(lasts)[0], lasts.facts.rows[0]?.role]).toEqual(['9', 'counted'])
    const expired = await asked('latest', '2001-01-01T03:30:00.000000001Z')
    expect([three(expired)[0], expired.facts.rows[0]?.role]).toEqual([null, 'expired'])
    expect(expired.text).toContain('the newest row seen is older than the ttl (R2): row 1 of h=2001-01-01T01/b.parquet')
    expect(three(await asked('latest', hour(2), 'shop=nobody'))).toEqual([null, null, null])
  })

  test('R7, R9: of a window counts the rows before its edge, and says what became of the others', async () => {
    await rig.write('sums', 0, 'a', sale(hour(0), 'x', 1), sale(hour(0, 59), 'x', 2))
    await rig.write('sums', 1, 'a', sale(hour(1, 30), 'x', 4))
    await rig.write('sums', 2, 'a', sale(hour(2), 'x', 8), sale(hour(2, 20), 'x', 16))
    for (const hours of [0, 1, 2]) await run('sums', hours)
    const found = await asked('sums', hour(2, 15))
    expect([three(found, 'total'), three(found, 'sales')]).toEqual([
      ['7', '7', '7'],
      ['3', '3', '3'],
    ])
    expect(found.facts.answeredAt).toBe(hour(2))
    expect(found.facts.rows.map(({ role, columns }) => [columns.amount, role]).sort()).toEqual([
      ['1', 'counted'],
      ['16', 'after'],
      ['2', 'counted'],
      ['4', 'counted'],
      ['8', 'window-edge'],
    ])
    expect(three(await asked('sums', hour(3)), 'total')[0]).toBe('28')
  })

  test('R19: a redelivered event is told as such', async () => {
    await rig.writeFile('events/h=2001-01-01T00/a.parquet', redelivery(0, 10, 'e', 5, hour(0, 10)))
    await rig.writeFile('events/h=2001-01-01T01/a.parquet', redelivery(1, 10, 'e', 6, hour(1, 10)))
    expect(await rig.settle('redelivered', hour(2))).not.toContain('never settled')
    const found = await asked('redelivered', hour(2))
    expect(three(found, 'total')).toEqual(['6', '6', '6'])
    expect(found.facts.rows.map(({ role, columns }) => [columns.amount, role])).toEqual([
      ['6', 'counted'],
      ['5', 'redelivered'],
    ])
  })
})

describe('a difference has its cause', () => {
  test('R27: a file that came after the run', async () => {
    await rig.write('late', 0, 'a', sale(hour(0, 10), 'x', 1))
    await run('late', 0)
    await rig.write('late', 0, 'b', sale(hour(0, 20), 'x', 2))
    const found = await asked('late', hour(1))
    expect(three(found)).toEqual(['1', '1', '2'])
    expect(causesOf(found)).toEqual([['late-file', 'h=2001-01-01T00/b.parquet', '00:00']])
    expect(found.text).toContain(`next     millcourse materialize late --from ${hour(0)} --to ${hour(1)}`)
    // What it does not change is no cause.
    expect(causesOf(await asked('late', hour(0, 15)))).toEqual([])
  })

  test('a file that was changed, or is gone', async () => {
    await rig.write('changed', 0, 'a', sale(hour(0, 10), 'x', 1))
    await run('changed', 0)
    await rig.write('changed', 0, 'a', sale(hour(0, 10), 'x', 3), sale(hour(0, 5), 'y', 3))
    const changed = await asked('changed', hour(1))
    expect([three(changed), causesOf(changed)]).toEqual([
      ['1', null, '3'],
      [['file-changed', 'h=2001-01-01T00/a.parquet', '00:00']],
    ])

    await rig.write('removed', 0, 'a', sale(hour(0, 10), 'x', 1))
    await run('removed', 0)
    await rm(rig.deps.sources.uri(`${folder('removed', 0)}/a.parquet`))
    const removed = await asked('removed', hour(1))
    expect([three(removed), causesOf(removed)]).toEqual([
      ['1', null, null],
      [['file-removed', 'h=2001-01-01T00/a.parquet', '00:00']],
    ])
  })

  test('a held hour', async () => {
    await rig.write('held', 0, 'a', sale(hour(0, 10), 'x', 1))
    await rig.write('held', 1, 'a', sale(hour(1, 10), 'x', null), sale(hour(1, 20), 'y', null))
    expect([(await run('held', 0)).outcome, (await run('held', 1)).outcome]).toEqual(['done', 'held'])
    const found = await asked('held', hour(2))
    expect([three(found), causesOf(found)]).toEqual([
      ['1', '1', null],
      [['interval-held', 'h=2001-01-01T01/a.parquet', '01:00']],
    ])
    expect(found.text).toContain(`millcourse runs show held@v1@${hour(1)}`)
  })

  test('R35: a feature held alone, by the run that is to be decided, of a lookup and of a window', async () => {
    for (const [view, name, values] of [
      ['alone', 'amount', ['1', '500', '500']],
      ['alone_sums', 'total', ['1', '501', '501']],
    ] as const) {
      await rig.write(view, 0, 'a', sale(hour(0, 10), 'x', 1))
      await rig.write(view, 1, 'a', sale(hour(1, 10), 'x', 500))
      await run(view, 0)
      const { outcome, runId } = await run(view, 1)
      expect(outcome).toBe('done')
      const found = await asked(view, hour(2))
      expect([three(found, name), causesOf(found)]).toEqual([values, [['feature-held', null, '01:00']]])
      expect(found.facts.causes[0]!.run).toBe(runId)
      expect(found.text).toContain(`left out of its commit (R35): run ${runId}`)
      expect(found.text).toContain(`millcourse runs show ${view}@v1@${hour(1)}`)
      const [, other] = found.facts.features
      expect([other!.value, other!.recomputed]).toEqual(view === 'alone' ? ['n', 'n'] : ['2', '2'])
    }
  })

  test('of a key with more rows than are looked at: the row that is the answer, and the one that came late', async () => {
    const perSecond = (at: string) =>
      `SELECT TIMESTAMP '${at.slice(0, -1)}' + to_seconds(i) AS "at", 'x' AS shop, 1::BIGINT AS amount, 'n' AS note FROM range(600) AS numbers(i)`
    await rig.write('busy', 0, 'a', sale(hour(0, 5), 'x', 7))
    await rig.write('busy', 1, 'a', perSecond(hour(1)))
    for (const hours of [0, 1]) await run('busy', hours)
    const lookup = await asked('busy', hour(0, 59))
    expect([three(lookup), causesOf(lookup)]).toEqual([['7', '7', '7'], []])
    expect(lookup.facts.rows[0]).toMatchObject({ role: 'counted', eventAt: hour(0, 5) })
    expect(lookup.text).toContain('the newest row seen (R1): row 1 of h=2001-01-01T00/a.parquet')

    await rig.write('busy_sums', 0, 'a', perSecond(hour(0, 50)))
    await run('busy_sums', 0)
    await rig.write('busy_sums', 0, 'b', sale(hour(0, 1), 'x', 5))
    const sum = await asked('busy_sums', hour(1))
    expect([three(sum, 'total'), causesOf(sum)]).toEqual([
      ['600', '600', '605'],
      [['late-file', 'h=2001-01-01T00/b.parquet', '00:00']],
    ])
    expect(sum.facts.counts).toEqual({ rows: 601, looked: 500, counted: 499, isCut: true })
    expect(sum.text).toContain('499 source rows of the 500 looked at (of 601 in reach) lie in a window that ends at')
    expect(sum.text).toContain('\nand 589 more rows\n')
  })

  test('a committed file that does not hold what its source gives', async () => {
    await rig.write('damaged', 0, 'a', sale(hour(0, 10), 'x', 1))
    await run('damaged', 0)
    const [commit] = await rig.deps.ledger.currentCommits(
      { view: 'damaged', version: 1 },
      { start: parseInstant(hour(0)), end: parseInstant(hour(1)) },
    )
    const file = rig.deps.lake.uri(commit!.data!.path)
    await rig.deps.engine.withSession(async (session) => {
      await session.execute({
        sql: `CREATE TEMP TABLE kept AS SELECT * REPLACE (99::BIGINT AS amount) FROM read_parquet('${file}')`,
      })
      await session.execute({ sql: `COPY kept TO '${file}' (FORMAT parquet)` })
    })
    await utimes(file, 0, 0)
    const found = await asked('damaged', hour(1))
    expect([three(found), causesOf(found)]).toEqual([['99', '1', '1'], [['committed-file', null, null]]])
    expect(found.text).toContain('next     millcourse check-quality damaged --repair --reason "…"')
  })
})

test('of a source that cannot be read what is committed is told', async () => {
  await rig.write('unreadable', 0, 'a', sale(hour(0, 10), 'x', 1))
  await run('unreadable', 0)
  await rig.writeBytes(`${folder('unreadable', 0)}/b.parquet`, 'not parquet')
  const found = await asked('unreadable', hour(1))
  expect([three(found), causesOf(found)]).toEqual([['1', undefined, undefined], [['source-unreadable', null, null]]])
  expect(found.facts.unreadable).toMatchObject({
    code: 'SOURCE_FILE_CORRUPT',
    message: expect.stringContaining('b.parquet'),
  })
  expect(found.text).toContain('why      from what is committed; the source could not be read')
})

test('of files with columns that are named as the engine names the places of rows', async () => {
  await rig.write('named', 0, 'a', `SELECT *, 7 AS __file, 'u' AS "File_Row_Number" FROM (${sale(hour(0, 5), 'y', 1)})`)
  await rig.write('named', 0, 'b', `${sale(hour(0, 6), 'y', 2)} UNION ALL ${sale(hour(0, 10), 'x', 7)}`)
  await rig.write('named', 1, 'a', `SELECT 5 AS file_row_number, * FROM (${sale(hour(1, 30), 'x', 9)})`)
  for (const hours of [0, 1]) await run('named', hours)
  const [first, second] = [await asked('named', hour(1)), await asked('named', hour(2))]
  expect([three(first), three(second)]).toEqual([Array(3).fill('7'), Array(3).fill('9')])
  expect([first, second].map(({ facts: { causes, rows } }) => [causes, rows[0]!.row])).toEqual([
    [[], 2],
    [[], 1],
  ])
  expect(second.facts.rows[0]!.file).toMatch(/\/named\/h=2001-01-01T01\/a\.parquet$/)
})

test.each([
  ['bucketed', 'amount', hour(2), '2'],
  ['bucketed_sums', 'total', hour(4), '15'],
])(
  'of compacted files of %s only those of the key are read, of few buckets and of many',
  async (view, name, at, value) => {
    for (const hours of [0, 1, 2, 3]) {
      const others = Array.from({ length: 20 }, (_, shop) => sale(hour(hours, shop), `shop ${shop}`, shop))
      await rig.write(view, hours, 'a', ...others, sale(hour(hours, 30), 'y', 2 ** hours))
      await run(view, hours)
    }
    // Of 8 buckets it lies in the seventh, of 2 in the first.
    const before = await asked(view, at, 'shop=y')
    expect(three(before, name)).toEqual([value, value, value])
    for (const [from, to, buckets] of [
      [0, 2, 2],
      [2, 4, 8],
    ] as const)
      for (const uri of await compactInto(view, hour(from), hour(to), buckets)) {
        const rows = await rig.deps.engine.withSession((session) =>
          session.all({ sql: `SELECT shop FROM read_parquet('${uri}') WHERE shop = 'y'` }),
        )
        if (rows.length === 0) await rm(uri)
      }
    expect((await asked(view, at, 'shop=y')).facts).toEqual(before.facts)
  },
)

/** All commits of a span; the URIs of the buckets' files. */
async function compactInto(view: string, from: string, to: string, buckets: number): Promise<string[]> {
  const { ledger, lake, engine, registry } = rig.deps
  const key = { view, version: 1 }
  const span = { start: parseInstant(from), end: parseInstant(to) }
  const commits = await ledger.currentCommits(key, span)
  const id = await ledger.beginCompaction(key, span)
  const paths = Array.from({ length: buckets }, (_, number) => compactedPath(key, id, { number, of: buckets }))
  await lake.prepareWrite(paths[0]!)
  const files = commits.map(({ data }) => lake.uri(data!.path))
  const query = buildCompaction({ bundle: await registry.view(view, 1), files, span, buckets })
  await engine.withSession(async (session) => {
    for (const statement of query.statements) await session.execute(statement)
    for (const [number, path] of paths.entries())
      await session.execute({ sql: `COPY (${query.output(number)}) TO '${lake.uri(path)}' (FORMAT parquet)` })
  })
  await ledger.recordCompaction(id, {
    commitIds: commits.map(({ commitId }) => commitId),
    files: paths.map((path, number) => ({ path, rows: 0, sizeBytes: 0, bucket: { number, of: buckets } })),
  })
  return paths.map((path) => lake.uri(path))
}

describe('what cannot be explained is refused', () => {
  test.each([
    ['latest', hour(7), 'shop=x', 'USAGE', `--at ${hour(7)} lies in the future: it is ${hour(6)}`],
    [
      'latest',
      '2000-12-31T23:59:59Z',
      'shop=x',
      'USAGE',
      `--at 2000-12-31T23:59:59Z lies before latest begins, at ${hour(0)}`,
    ],
    ['latest', 'yesterday', 'shop=x', 'PLAN_INTERVAL_INVALID', '"yesterday" is not an instant'],
    ['latest', hour(1), 'city=x', 'SERVE_KEY_INVALID', '"city" is no key of entity "shop"'],
    ['nothing', hour(1), 'shop=x', 'REGISTRY_UNKNOWN_VIEW', expect.stringContaining('nothing')],
  ])('%s at %s, %s', async (view, at, key, code, message) => {
    await expect(asked(view, at, key)).rejects.toMatchObject({ code, message })
  })
})
