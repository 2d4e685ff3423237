/** The unattended work: Schedules that `apply` has made fire by the real clock, and what ends is materialized and published. */
import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type DevStack, startDevStack } from '../../workers/dev-stack.js'

const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const everyMs = 5_000
/** Two intervals have ended when the views are applied. */
const sinceMs = (Math.floor(Date.now() / everyMs) - 2) * everyMs
let repo: string
let stack: DevStack

beforeAll(async () => {
  repo = await mkdtemp(join(tmpdir(), 'millcourse-schedules-'))
  await mkdir(join(repo, 'views'))
  await writeFile(join(repo, 'millcourse.json'), '{ "project": "pulse" }')
  await writeFile(join(repo, 'views', 'pulse.ts'), definitions)
  // An event each second for each of three users, over all of the test's time: what has not happened yet is not seen.
  await duckdb(`COPY (SELECT TIMESTAMP '${iso(sinceMs).slice(0, -1)}' + INTERVAL (i // 3) SECOND AS ts, i % 3 AS user_id, i // 3 AS second
    FROM range(0, 3600) AS seconds(i)) TO '${join(repo, 'events.parquet')}' (FORMAT parquet)`)
  stack = await startDevStack({ repoDir: repo, environment: { MILLCOURSE_WATCH_POLL: '1s' } })
})

afterAll(async () => {
  await stack?.stop()
  await rm(repo, { recursive: true, force: true, maxRetries: 5 })
})

const definitions = `
import { entity, featureView, lookup, parquet, t, window } from 'millcourse'
export const user = entity('user', { keys: { user_id: t.int64() }, owner: 'ops' })
export const events = parquet('events', {
  path: 'events.parquet', eventTime: 'ts', schema: { ts: t.timestamp(), user_id: t.int64(), second: t.int64() }, owner: 'ops',
})
const common = { version: 1, entity: user, source: events, since: '${iso(sinceMs)}', every: '5s', owner: 'ops' } as const
export const pulse = featureView('pulse', {
  ...common, tile: '5s', features: { events_10s: window.count({ over: '10s' }), last_second: window.max('second', { over: '5s' }) },
})
export const latest = featureView('latest', { ...common, features: { second: lookup() } })
`

function iso(ms: number): string {
  return new Date(ms).toISOString()
}

function millcourse(...command: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...command, '--json', '--repo', repo], {
    encoding: 'utf8',
  })
  expect([command, status, stderr]).toEqual([command, 0, ''])
  return JSON.parse(stdout)
}

async function duckdb(sql: string): Promise<void> {
  const instance = await DuckDBInstance.create()
  const connection = await instance.connect()
  await connection.run(sql)
  connection.closeSync()
  instance.closeSync()
}

interface ListedRun {
  readonly view: 'pulse' | 'latest'
  readonly start: string
  readonly kind: string
  readonly outcome: string
}

/** A tick that has planned while a run was ending starts that interval again: it finds nothing new and is `skipped` (R21). */
function listRuns(): Record<ListedRun['view'], ListedRun[]> {
  const { runs } = millcourse('runs', '--limit', '1000') as { runs: ListedRun[] }
  const of = (view: ListedRun['view']) =>
    runs.filter((run) => run.view === view && run.outcome !== 'skipped').toReversed()
  return { pulse: of('pulse'), latest: of('latest') }
}

test('R21, R29: each interval is run once, by its Schedule, soon after its end, and published; none while it is paused', async () => {
  expect(millcourse('apply').schedules).toMatchObject({ created: ['latest', 'pulse'] })
  const wanted = Math.ceil((Date.now() - sinceMs) / everyMs) + 2
  const done = (runs: readonly ListedRun[]) => runs.filter(({ outcome }) => outcome === 'done').length
  const fewestDone = () => Math.min(...Object.values(listRuns()).map(done))
  await expect.poll(fewestDone, { timeout: 120_000, interval: 1_000 }).toBeGreaterThanOrEqual(wanted)

  expect(millcourse('apply', '--paused').schedules).toMatchObject({ updated: ['latest', 'pulse'] })
  const underWay = () =>
    Object.values(listRuns()).flatMap((runs) => runs.filter(({ outcome }) => outcome === 'running'))
  // A tick that has just fired may still plan.
  await sleep(2_000)
  await expect.poll(underWay, { timeout: 60_000, interval: 500 }).toEqual([])

  const before = listRuns()
  for (const runs of Object.values(before)) {
    const starts = runs.map(({ start }) => Date.parse(start)).sort((a, b) => a - b)
    expect(starts).toEqual(starts.map((_, index) => sinceMs + index * everyMs))
    expect(new Set(runs.map(({ kind }) => kind))).toEqual(new Set(['scheduled']))
    expect(new Set(runs.map(({ outcome }) => outcome))).toEqual(new Set(['done']))
  }

  // Second s of the test's time ends at E: the newest event before it, and two of the three users' ten seconds.
  const endOf = (runs: readonly ListedRun[]) => sinceMs + runs.length * everyMs
  const pulse = millcourse('get', 'pulse', 'user_id=1')
  expect(pulse.views).toMatchObject([{ status: 'present', eventAt: iso(endOf(before.pulse)).replace('.000Z', 'Z') }])
  const newest = String((endOf(before.pulse) - sinceMs) / 1_000 - 1)
  expect(pulse.features.map(({ value }: { value: unknown }) => value)).toEqual(['10', newest])
  const latest = millcourse('get', 'latest', 'user_id=2')
  expect(latest.features).toMatchObject([{ value: String((endOf(before.latest) - sinceMs) / 1_000 - 1) }])
  expect(millcourse('incidents', '--all')).toMatchObject({ incidents: [] })

  // Longer than one interval, and the jitter.
  await sleep(everyMs + 3_000)
  expect(listRuns()).toEqual(before)
}, 300_000)
