/** The commands one after another, as an operator uses them on a day with one bad hour; output and exit codes as a script sees them. */
import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type DevStack, startDevStack } from '../../workers/dev-stack.js'

const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const now = '2001-01-01T08:00:00Z'
const held = 'airport_delays@2001-01-01T05:00:00Z'
let folder: string
let repo: string
let stack: DevStack

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millcourse-commands-'))
  repo = join(folder, 'flights')
  expect(millcourse('init', repo, '--example', 'flights').exit).toBe(0)
  const hour = join(repo, 'data/flights/date=2001-01-01/hour=05/part-0.parquet')
  await duckdb(
    `COPY (SELECT * REPLACE (NULL::BIGINT AS delay) FROM read_parquet('${hour}', hive_partitioning = false)) TO '${hour}' (FORMAT parquet)`,
  )
  stack = await startDevStack({ repoDir: repo, now, withWatcher: false })
})

afterAll(async () => {
  await stack?.stop()
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
})

function millcourse(...command: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...command], {
    encoding: 'utf8',
    cwd: folder,
  })
  return { exit: status, stdout, stderr }
}

/** With `--json`: one document on stdout, nothing else. */
function json(...command: string[]) {
  const { exit, stdout, stderr } = millcourse(...command, '--json', '--repo', repo, '--now', now)
  return { exit, stderr, data: stdout === '' ? null : JSON.parse(stdout) }
}

async function duckdb(sql: string) {
  const instance = await DuckDBInstance.create()
  const connection = await instance.connect()
  try {
    return (await connection.runAndReadAll(sql)).getRowObjectsJson()
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

test('a day with one bad hour', async () => {
  expect(json('apply', '--paused')).toMatchObject({ exit: 0, data: { revision: 1, isChanged: true } })
  expect(json('plan')).toMatchObject({ exit: 0, data: { revision: 1, changes: [] } })

  const partly = json('materialize', 'airport_delays')
  expect(partly).toMatchObject({ exit: 2, data: { isFinished: true, counts: { held: 1 } } })
  expect(partly.data.intervals).toHaveLength(8)

  const { data: list } = json('runs', '--outcome', 'held')
  expect(list.runs).toMatchObject([{ view: 'airport_delays', start: '2001-01-01T05:00:00Z', outcome: 'held' }])
  const shown = millcourse('runs', 'show', list.runs[0].run.slice(0, 13), '--repo', repo)
  expect(shown.stdout).toContain('delay_avg_24h: null rate 1 is above its limit 0.2')
  expect(shown.stdout).toContain(`millcourse decide ${list.runs[0].run} accept --reason`)

  const seen = json('quality', 'airport_delays', '--feature', 'delay_avg_24h')
  expect(seen).toMatchObject({ exit: 0, data: { end: '2001-01-01T08:00:00Z', by: 'interval' } })
  const nullRates = seen.data.points.map((point: { features: Record<string, { nullRate: number }> }) =>
    Number(point.features.delay_avg_24h?.nullRate === 1),
  )
  expect(nullRates).toEqual([0, 0, 0, 0, 0, 1, 0, 0])
  expect(millcourse('quality', 'airport_delays', '--repo', repo).stdout).toMatch(
    /8 intervals: .*1 held.*\nSTART +OUTCOME/,
  )
  const day = json('quality', 'airport_delays', '--by', 'day').data.points
  expect(day).toMatchObject([{ start: '2001-01-01T00:00:00Z', end: '2001-01-01T08:00:00Z' }])
  expect(day[0].keysDistinctApproximate).toBeGreaterThan(20)
  const replay = (...checks: string[]) => json('quality', 'replay', 'airport_delays', '--check', ...checks)
  expect(replay('delay_avg_24h.nullRateMax=0.9', 'rows.min=1').data).toMatchObject({
    judged: 8,
    fired: [
      { start: '2001-01-01T04:00:00Z', outcome: 'done', findings: [{ code: 'rows_below', observed: 0 }] },
      { start: '2001-01-01T05:00:00Z', outcome: 'held', findings: [{ code: 'null_rate_above', limit: 0.9 }] },
    ],
  })

  // What was tried is not tried again for the same files.
  expect(json('materialize', 'airport_delays')).toMatchObject({ exit: 0, data: { counts: {}, intervals: [] } })

  // R32: nothing after the held hour is shown, and nothing undercounts.
  const before = json('get', 'airport_delays', 'origin=ATL')
  expect(before.data.views).toMatchObject([{ eventAt: '2001-01-01T05:00:00Z' }])

  expect(json('decide', held, 'accept', '--reason', ' ')).toMatchObject({ exit: 64, data: null })
  const decided = json('decide', held, 'accept', '--reason', 'a storm; the values are true')
  expect(decided).toMatchObject({ exit: 0, data: { state: 'applied', action: 'accept' } })
  expect(json('materialize', 'airport_delays')).toMatchObject({ exit: 0 })
  const after = json('get', 'airport_delays', 'origin=ATL')
  expect(after.data.views).toMatchObject([{ status: 'present', eventAt: now }])
})

test('a service reads each of its views under the keys that are its own', () => {
  // The same bad hour is too much for this view, too; lookups do not wait for it (R32).
  expect(json('materialize', 'last_departure')).toMatchObject({ exit: 2, data: { counts: { held: 1 } } })
  const { exit, data } = json('get', 'delay_model', 'origin=ATL', 'destination=ORD')
  expect(exit).toBe(0)
  expect(data.features.map(({ name }: { name: string }) => name)).toContain('route_traffic__flights_24h')
  expect(data.views).toMatchObject([
    { view: 'airport_delays', status: 'present' },
    { view: 'route_traffic', status: 'missing' },
    { view: 'last_departure', status: 'present' },
  ])
})

test('a value is explained from its source rows to what is online', () => {
  const asked = ['explain', 'airport_delays', 'origin=ATL', '--at', '2001-01-01T07:30:00Z']
  const { exit, data } = json(...asked)
  expect(exit).toBe(0)
  expect(data).toMatchObject({
    view: 'airport_delays',
    answeredAt: '2001-01-01T07:00:00Z',
    online: { end: now, status: 'present' },
  })
  for (const { value, recomputed, sourceNow } of data.features) expect([recomputed, sourceNow]).toEqual([value, value])
  const flights = data.features.find(({ name }: { name: string }) => name === 'flights_24h')
  expect(Number(flights.value)).toBe(data.counts.counted)
  expect(data.commits.at(0)).toMatchObject({ number: 1, publishedSequence: expect.stringMatching(/^\d+$/) })
  // Online stands an hour later: the rows of that hour are the difference.
  const codes = data.causes.map(({ code }: { code: string }) => code)
  expect(codes).toContain('published-end')
  expect(codes.filter((code: string) => !['published-end', 'window-edge', 'newer-row'].includes(code))).toEqual([])
  const { data: agreed } = json('explain', 'airport_delays', 'origin=ATL', '--at', now)
  expect(agreed.causes).toEqual([])
  for (const { value, online } of agreed.features) expect(online).toEqual(value)
  const { stdout } = millcourse(...asked, '--repo', repo, '--now', now)
  expect(stdout).toMatch(
    /^airport_delays@v1 origin=ATL at 2001-01-01T07:30:00Z, answered at the tile edge 2001-01-01T07:00:00Z/,
  )
  // What a person reads at night fits their screen.
  expect(stdout.split('\n').length).toBeLessThan(50)
})

test('R14: a training set has the rows of its spine, in order, and appears whole or not at all', async () => {
  const spine = join(folder, 'spine.csv')
  const out = join(folder, 'train.parquet')
  await duckdb(
    `COPY (SELECT * FROM (VALUES ('x', 'ATL', TIMESTAMP '2001-01-01 07:30:00'), ('y', 'nowhere', TIMESTAMP '2001-01-01 07:30:00'), ('x', 'ATL', TIMESTAMP '2001-01-01 07:30:00')) AS rows(id, airport, "at")) TO '${spine}' (FORMAT csv, HEADER)`,
  )
  const asked = ['training-set', '--spine', spine, '--event-time', 'at', '--out', out]
  const features = ['--features', 'airport_delays:flights_24h,last_departure:delay']
  const refused = json(...asked, ...features)
  expect(refused.exit).toBe(65)
  expect(JSON.parse(refused.stderr)).toMatchObject({ error: { code: 'TRAINING_SPINE_INVALID' } })
  await expect(stat(out)).rejects.toThrow(/ENOENT/)

  const map = ['--map', 'airport_delays.origin=airport,last_departure.origin=airport']
  expect(json(...asked, ...features, ...map)).toMatchObject({ exit: 0, data: { rows: 3 } })
  const rows = await duckdb(`SELECT * FROM '${out}'`)
  expect(rows.map(({ id, airport }) => [id, airport])).toEqual([
    ['x', 'ATL'],
    ['y', 'nowhere'],
    ['x', 'ATL'],
  ])
  expect(rows[1]).toMatchObject({ airport_delays__flights_24h: '0', last_departure__delay: null })
  expect(Number(rows[0]?.airport_delays__flights_24h)).toBeGreaterThan(0)
  expect(rows[2]).toEqual(rows[0])

  // All of a service; what was published was recorded long after these rows' times (R30).
  const all = ['airport_delays.origin', 'last_departure.origin', 'route_traffic.origin', 'route_traffic.destination']
  const published = join(folder, 'published.parquet')
  const service = ['--features', 'service:delay_model', '--map', all.map((key) => `${key}=airport`).join(',')]
  const made = json(...asked.slice(0, -1), published, ...service, '--as-published')
  expect(made).toMatchObject({ exit: 0, data: { rows: 3, mode: 'as-published' } })
  const [unseen] = await duckdb(`SELECT * FROM '${published}'`)
  expect(unseen).toMatchObject({ airport_delays__flights_24h: '0', last_departure__delay: null, id: 'x' })

  const again = join(folder, 'again.parquet')
  const rebuilt = json('training-set', '--rebuild', `${out}.manifest.json`, '--out', again)
  expect(rebuilt).toMatchObject({ exit: 0, data: { isSameBytes: true } })
  expect((await readFile(again)).equals(await readFile(out))).toBe(true)
})

test('what is not understood or not there says so, with the exit code of its error', () => {
  const failures: [string[], number, string][] = [
    [['plam'], 64, 'USAGE'],
    [['runs', '--limit', 'many'], 64, 'USAGE'],
    [['runs', 'show', 'ffffffff'], 66, 'LEDGER_UNKNOWN_RUN'],
    [['get', 'nothing', 'a=b'], 66, 'REGISTRY_UNKNOWN_VIEW'],
    [['get', 'airport_delays', 'city=ATL'], 64, 'SERVE_KEY_INVALID'],
    [['explain', 'airport_delays', 'city=ATL', '--at', now], 64, 'SERVE_KEY_INVALID'],
    [['explain', 'airport_delays', 'origin=ATL', '--at', now, '--features', 'delay'], 66, 'REGISTRY_UNKNOWN_FEATURE'],
    [['explain', 'airport_delays', 'origin=ATL', '--at', '2001-01-01T08:00:00.000000001Z'], 64, 'USAGE'],
    [['materialize', 'airport_delays', '--from', now, '--to', now], 64, 'PLAN_INTERVAL_INVALID'],
    [['get', 'airport_delays', 'origin=ATL', 'origin=ORD'], 64, 'USAGE'],
    [['quality', 'airport_delays', '--feature', 'delay'], 66, 'REGISTRY_UNKNOWN_FEATURE'],
    [['quality', 'replay', 'airport_delays', '--check', 'delay_avg.nullRateMax=0.1'], 64, 'USAGE'],
    [['decide', 'airport_delays@2001-01-01T05:30:00Z', 'accept', '--reason', 'x'], 64, 'USAGE'],
    // R21: what has not ended, or is no interval of the view, is not overdue; nothing of it is committed as empty.
    [['decide', 'route_traffic@2001-01-01T08:00:00Z', 'reject', '--reason', 'x'], 64, 'PLAN_INTERVAL_INVALID'],
    [['decide', 'route_traffic@2030-01-01T00:00:00Z', 'reject', '--reason', 'x'], 64, 'PLAN_INTERVAL_INVALID'],
    [['decide', 'route_traffic@1999-01-01T00:00:00Z', 'reject', '--reason', 'x'], 64, 'PLAN_INTERVAL_INVALID'],
  ]
  for (const [command, exit, code] of failures) {
    const failed = json(...command)
    expect([command, failed.exit, failed.data]).toEqual([command, exit, null])
    expect(JSON.parse(failed.stderr)).toMatchObject({ error: { code } })
  }
  const ambiguous = json('runs', 'show', json('runs').data.runs[0].run.slice(0, 4))
  expect(ambiguous.exit).toBe(66)
  expect(JSON.parse(ambiguous.stderr).error.hint).toMatch(/^write more of the id; .*@2001-01-01T/)
  expect(millcourse('plam').stderr).toContain('Did you mean plan?')
  expect(millcourse('runs', '--repo', folder)).toMatchObject({ exit: 69 })
})
