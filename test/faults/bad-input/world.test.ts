/**
 * A worker's road with bad hours in it, and what people ask of it: nothing that is refused reaches the online store, what comes after
 * is not kept waiting, and once the files are right everything is there. Requests that make no sense are refused in words
 * (bad-requests.golden.txt).
 */
import { mkdtempSync } from 'node:fs'
import { copyFile, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SystemClock } from '../../../adapters/clock/system-clock.js'
import { get } from '../../../cli/commands/get.js'
import { type MaterializeOptions, materialize } from '../../../cli/commands/materialize.js'
import { runs } from '../../../cli/commands/runs.js'
import { type TrainingSetOptions, trainingSet } from '../../../cli/commands/training-set.js'
import type { CliContext, Report } from '../../../cli/context.js'
import { errorText } from '../../../cli/output/error-text.js'
import { toJson } from '../../../cli/output/json.js'
import { entity, type FeatureRepo, featureView, lookup, parquet, t, window } from '../../../core/define/index.js'
import { parseInstant } from '../../../core/time/instant.js'
import { startTestDynalite } from '../../support/dynalite.js'
import { startTestPostgres, type TestPostgres } from '../../support/postgres.js'
import { startTestTemporal, type TestTemporal } from '../../support/temporal.js'
import { deliver, openWorld, type World, type WorldWorker } from '../../support/world.js'

const since = '2001-01-01T00:00:00Z'
const hour = (hours: number): string => new Date(Date.UTC(2001, 0, 1, hours)).toISOString().replace('.000Z', 'Z')
/** Two neighbours that a double takes for one number; the largest there is. */
const accounts = ['9007199254740992', '9007199254740993', '-9223372036854775808']
const serials = ['18446744073709551614', '18446744073709551615', '9007199254740993']
const nines = '9'.repeat(38)

function repo(project: string): FeatureRepo {
  const account = entity('account', { keys: { id: t.int64() }, owner: 'ops' })
  const device = entity('device', { keys: { serial: t.uint64() }, owner: 'ops' })
  const payments = parquet('payments', {
    path: 'payments/h={yyyy-MM-dd}T{HH}/*.parquet',
    eventTime: 'at',
    schema: {
      at: t.timestamp(),
      id: t.int64(),
      serial: t.uint64(),
      amount: t.decimal(38, 0),
      ratio: t.float64(),
      note: t.string(),
    },
    owner: 'ops',
  })
  const common = { version: 1, source: payments, since, every: '1h', lookback: '48h', owner: 'ops' } as const
  const views = [
    featureView('last_payment', {
      ...common,
      entity: account,
      features: { amount: lookup(), ratio: lookup(), serial: lookup(), note: lookup() },
    }),
    featureView('by_device', { ...common, entity: device, features: { id: lookup(), note: lookup() } }),
    featureView('totals', {
      ...common,
      entity: account,
      features: { amount_2h: window.sum('amount', { over: '2h' }) },
    }),
  ]
  return {
    project,
    entities: [account.definition, device.definition],
    sources: [payments.definition],
    views: views.map((view) => view.definition),
    services: [],
  }
}

/** A payment of each account, at `minute` of the hour. */
function payments(hours: number, note: string, amounts: readonly string[] = ['1', '2', '3']): string {
  const at = `TIMESTAMP '${hour(hours).replace('T', ' ').replace('Z', '')}' + INTERVAL 5 MINUTE`
  const ratios = [`'NaN'`, `'-inf'`, `'0.1'`]
  const rows = accounts.map(
    (id, index) =>
      `SELECT ${at} AS "at", '${id}'::BIGINT AS id, '${serials[index]}'::UBIGINT AS serial, '${amounts[index]}'::DECIMAL(38,0) AS amount, ${ratios[index]}::DOUBLE AS ratio, '${note}' AS note`,
  )
  return rows.join(' UNION ALL ')
}

let world: World
let worker: WorldWorker
let stop: (() => Promise<unknown>) | undefined
beforeAll(async () => {
  const [postgres, temporal, dynalite]: [TestPostgres, TestTemporal, Awaited<ReturnType<typeof startTestDynalite>>] =
    await Promise.all([startTestPostgres(), startTestTemporal(), startTestDynalite()])
  stop = () => Promise.all([temporal.stop(), postgres.stop(), dynalite.stop()])
  const servers = {
    postgresUrl: postgres.url,
    temporalAddress: temporal.server.address,
    dynamodbEndpoint: dynalite.endpoint,
  }
  const dir = mkdtempSync(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), 'bad-input-'))
  world = await openWorld(servers, 'badinput', dir, repo)
  worker = await world.startWorker()
})
afterAll(async () => {
  await worker?.stop()
  await world?.close()
  await stop?.()
})

const file = (hours: number) => join(world.dir, 'sources', `payments/h=${hour(hours).slice(0, 13)}/part-0.parquet`)
const put = async (hours: number, rows: string) => deliver(await world.ports.engine(), file(hours), rows)

function contextAt(now: string): CliContext {
  const parts = {
    ...{ isJson: false, givenOptions: '', pretendedNow: now, repoDir: world.dir, actor: 'test' },
    clock: new SystemClock(parseInstant(now)),
    progress: { update: () => {}, line: () => {}, end: () => {} },
    signal: new AbortController().signal,
  }
  return { ...world.ports, ...parts } as unknown as CliContext
}

async function online(view: string, key: string): Promise<Record<string, unknown>> {
  const { data } = await get(contextAt(hour(3)), view, [key])
  const { features } = JSON.parse(toJson(data)) as { features: { name: string; value: unknown }[] }
  return Object.fromEntries(features.map(({ name, value }) => [name.split('__')[1], value]))
}

/** One tick of each view, and its runs to their ends: a window that waits for a failed hour never settles. */
async function tick(now: string, newRuns: number): Promise<void> {
  const ledger = await world.ports.ledger()
  const before = (await ledger.runs({ limit: 100 })).length
  await world.tick(now)
  for (let isOpen = true; isOpen; ) {
    await new Promise((resolve) => setTimeout(resolve, 200))
    const running = await ledger.runs({ outcomes: ['running'], limit: 1 })
    const due = (await ledger.runs({ limit: 100 })).length
    isOpen = running.length > 0 || due < before + newRuns
  }
}

async function outcomes(view: string): Promise<string[]> {
  const runs = await (await world.ports.ledger()).runs({ view, limit: 100 })
  return runs.map(
    ({ interval, outcome, error }) =>
      `${Number((interval.start - parseInstant(since)) / 3_600_000_000_000n)} ${error?.code ?? outcome}`,
  )
}

test('R12, R20: integers of 64 bits, NaN and infinities come out as they went in; a bad hour touches nothing online', async () => {
  await put(0, payments(0, 'first'))
  await world.settle(hour(1))
  const ratios = ['NaN', '-Infinity', 0.1]
  for (const [index, id] of accounts.entries()) {
    const seen = { amount: `${index + 1}`, ratio: ratios[index], serial: serials[index], note: 'first' }
    expect(await online('last_payment', `id=${id}`)).toEqual(seen)
    expect(await online('by_device', `serial=${serials[index]}`)).toEqual({ id, note: 'first' })
    expect(await online('totals', `id=${id}`)).toEqual({ amount_2h: `${index + 1}` })
  }

  await put(1, payments(1, 'second'))
  await writeFile(file(1), (await readFile(file(1))).subarray(0, 500))
  await world.settle(hour(2))
  // Once, or twice where a tick had looked before the run was over: what counts is that nothing else became of it.
  for (const view of ['last_payment', 'by_device', 'totals'])
    expect([view, ...new Set(await outcomes(view))]).toEqual([view, '1 SOURCE_FILE_CORRUPT', '0 done'])
  expect((await online('last_payment', `id=${accounts[0]}`)).note).toBe('first')
  expect((await online('totals', `id=${accounts[0]}`)).amount_2h).toBe('1')
  const candidates = await readdir(join(world.dir, 'lake', 'candidates'), { recursive: true }).catch(() => [])
  expect(candidates.filter((name) => name.endsWith('.parquet'))).toEqual([])
})

test('a sum beyond 38 digits names its feature, stops its view alone, and is well once the data is', async () => {
  const twice = `${payments(1, 'second', [nines, '2', '3'])} UNION ALL ${payments(1, 'second', [nines, '2', '3'])}`
  await put(1, twice)
  await put(2, payments(2, 'third'))
  // Of each of three views two hours are new.
  await tick(hour(3), 6)
  expect((await outcomes('last_payment')).slice(0, 2).toSorted()).toEqual(['1 done', '2 done'])
  expect((await online('last_payment', `id=${accounts[1]}`)).note).toBe('third')
  const [failed] = await (await world.ports.ledger()).runs({ view: 'totals', outcomes: ['failed'], limit: 1 })
  expect(failed?.error).toMatchObject({
    code: 'COMPUTE_VALUE_OUT_OF_RANGE',
    message: expect.stringMatching(/^a sum of totals does not fit 38 digits, of amount_2h: /),
    facts: { view: 'totals', features: 'amount_2h' },
  })
  // R32: the window that would reach the failed hour waits; it does not undercount.
  expect((await online('totals', `id=${accounts[1]}`)).amount_2h).toBe('2')

  await put(1, payments(1, 'second'))
  await world.settle(hour(3))
  expect((await online('totals', `id=${accounts[1]}`)).amount_2h).toBe('4')
  expect((await online('last_payment', `id=${accounts[1]}`)).note).toBe('third')
})

test('what makes no sense is refused in words that say what would', async () => {
  const dir = world.dir
  const engine = await world.ports.engine()
  const spine = async (name: string, select: string) => deliver(engine, join(dir, `${name}.parquet`), select)
  const time = `TIMESTAMP '2001-01-01 02:30:00' AS "at"`
  await spine('good', `SELECT ${time}, 9007199254740993::BIGINT AS id`)
  await spine(
    'null-time',
    `SELECT * FROM (VALUES (TIMESTAMP '2001-01-01', 1::BIGINT), (NULL, 2), (NULL, 3)) v("at", id)`,
  )
  await spine('text-time', `SELECT '2001-01-01' AS "at", 1::BIGINT AS id`)
  await spine('text-key', `SELECT ${time}, 'x' AS id`)
  await spine('float-key', `SELECT ${time}, 1.0::DOUBLE AS id`)
  await spine('other-columns', `SELECT ${time} , 1::BIGINT AS ids`)
  await writeFile(join(dir, 'twins.csv'), 'at,id,ID\n2001-01-01T00:00:00Z,1,2\n')
  await spine('taken', `SELECT ${time}, 1::BIGINT AS id, 2 AS last_payment__note`)
  await writeFile(join(dir, 'text.parquet'), 'at,id\n')
  await writeFile(join(dir, 'bad-key.csv'), 'at,id\n2001-01-01T00:00:00Z,1\n2001-01-01T00:00:00Z,1.5\n')
  await writeFile(join(dir, 'bad-time.csv'), 'at,id\n2001-01-01T00:00:00Z,1\nyesterday,1\n')
  await writeFile(join(dir, 'latin-1.csv'), Buffer.from('at,id\n2001-01-01T00:00:00Z,caf\xe9\n', 'latin1'))
  await writeFile(join(dir, 'short-row.csv'), 'at,id\n2001-01-01T00:00:00Z,1\n2001-01-01T00:00:00Z\n')
  await writeFile(join(dir, 'empty.csv'), '')
  await writeFile(join(dir, 'there.parquet'), 'an older set')
  const set = (file: string, more: Partial<TrainingSetOptions> = {}) => {
    const options = { eventTime: 'at', features: ['last_payment:note'], out: join(dir, 'out.parquet') }
    return trainingSet(contextAt(hour(3)), { ...options, spine: join(dir, file), ...more })
  }
  const range = (view: string, options: Partial<MaterializeOptions>) =>
    materialize(contextAt(hour(3)), view, { timeout: '1m', wait: true, ...options })
  const asked: Readonly<Record<string, () => Promise<Report>>> = {
    'materialize last_paymnet': () => range('last_paymnet', {}),
    'runs --view last_paymnet': () => runs(contextAt(hour(3)), { view: 'last_paymnet', limit: 20 }),
    '--from = --to': () => range('totals', { from: hour(1), to: hour(1) }),
    '--from after --to': () => range('totals', { from: hour(2), to: hour(1) }),
    '--to in the future': () => range('totals', { from: hour(1), to: hour(9) }),
    '--from before since': () => range('totals', { from: hour(-1), to: hour(1) }),
    '--from off the grid': () => range('totals', { from: '2001-01-01T00:30:00Z', to: hour(1) }),
    '--from no time': () => range('totals', { from: 'yesterday' }),
    'no spine': () => set('nowhere.parquet'),
    'a spine that is text': () => set('text.parquet'),
    'a spine with null times': () => set('null-time.parquet'),
    'a spine whose time is text': () => set('text-time.parquet'),
    'a spine without the time': () => set('good.parquet', { eventTime: 'att' }),
    'a spine without the key': () => set('other-columns.parquet'),
    'a spine whose key is text': () => set('text-key.parquet'),
    'a spine whose key is a float': () => set('float-key.parquet'),
    'a spine with twins': () => set('twins.csv'),
    'a name taken': () => set('taken.parquet'),
    'a CSV with half a key': () => set('bad-key.csv'),
    'a CSV with a time that is none': () => set('bad-time.csv'),
    'a CSV in latin-1': () => set('latin-1.csv'),
    'a CSV with a short row': () => set('short-row.csv'),
    'a CSV of 0 bytes': () => set('empty.csv'),
    'a feature that is not there': () => set('good.parquet', { features: ['last_payment:notes'] }),
    'a view that is not there': () => set('good.parquet', { features: ['by_devices:note'] }),
    'a key that is not there': () => set('good.parquet', { map: ['last_payment.idd=id'] }),
    'an output that is there': () => set('good.parquet', { out: join(dir, 'there.parquet') }),
    'an output without a folder': () => set('good.parquet', { out: join(dir, 'nowhere', 'out.parquet') }),
    ...(process.platform === 'linux'
      ? { 'an output that cannot be written': () => set('good.parquet', { out: '/proc/out.parquet' }) }
      : {}),
  }
  const before = await readdir(dir)
  const texts: string[] = []
  for (const [what, ask] of Object.entries(asked)) {
    const error = await ask().then(
      (report) => new Error(`not refused: ${report.text}`),
      (reason: unknown) => reason,
    )
    texts.push(
      `== ${what}\n${errorText(error)
        .replaceAll(dir, '/here')
        .replaceAll(/training-set-[\w.-]+[.]draft/g, 'training-set-PID.draft')}`,
    )
  }
  await expect(`${texts.join('\n\n')}\n`).toMatchFileSnapshot('bad-requests.golden.txt')
  // Nothing half-written, and what was there is as it was.
  expect((await readdir(dir)).toSorted()).toEqual(before.toSorted())
  expect(await readFile(join(dir, 'there.parquet'), 'utf8')).toBe('an older set')

  await set('good.parquet', { out: join(dir, 'there.parquet'), overwrite: true, features: ['last_payment:*'] })
  const read = (name: string) =>
    engine.withSession((session) => session.all({ sql: `SELECT * FROM read_parquet('${join(dir, name)}')` }))
  expect(await read('there.parquet')).toMatchObject([
    { id: 9007199254740993n, last_payment__serial: 18446744073709551615n },
  ])
  // R11, R14: a spine's own times come out as they went in, also those that the engine would round.
  const first = parseInstant(since) + 300_000_000_001n
  for (const name of ['nanoseconds-utc', 'int96']) {
    await copyFile(new URL(`fixtures/${name}.parquet`, import.meta.url), join(dir, `${name}.parquet`))
    await set(`${name}.parquet`, { out: join(dir, `with-${name}.parquet`), map: ['last_payment.id=amount'] })
    expect(await read(`with-${name}.parquet`)).toMatchObject([{ at: first, shop: 'x' }, { shop: 'y' }, { shop: 'z' }])
  }
  // R24: no rows in, no rows out.
  await spine('empty', `SELECT ${time}, 1::BIGINT AS id LIMIT 0`)
  await set('empty.parquet')
  expect(await read('out.parquet')).toEqual([])
})
