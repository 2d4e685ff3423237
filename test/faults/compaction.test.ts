/**
 * Compactions under real files, ledger and engine: whatever is compacted, removed and killed at whichever call, training sets stay the
 * same to the byte, and nothing that somebody needs is gone.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ActivityDeps } from '../../activities/activity-deps.js'
import { checkVersion } from '../../activities/check-view.js'
import { removeFiles } from '../../activities/remove-files.js'
import { repairView } from '../../activities/repair-view.js'
import { createDuckdbEngine } from '../../adapters/duckdb/duckdb-query-engine.js'
import { trainingSet } from '../../cli/commands/training-set.js'
import type { CliContext } from '../../cli/context.js'
import { committedRows } from '../../core/compute/committed-rows.js'
import { buildCompaction, committedFiles } from '../../core/compute/index.js'
import { printQuery } from '../../core/compute/print-duckdb.js'
import type { LedgerWriter } from '../../core/ports/ledger.js'
import { type CompactionRig, startCompactionRig } from '../support/compaction-rig.js'
import { hour, hourOf, redelivery, type SalesRig, sale } from '../support/sales-views.js'

let rig: SalesRig
let deps: ActivityDeps
let context: CliContext
let folder: string
let compaction: CompactionRig
let contextOf: CompactionRig['contextOf']
let makeSet: CompactionRig['makeSet']
let compactAll: CompactionRig['compactAll']
let filesBelow: CompactionRig['filesBelow']
const views = ['sales', 'redelivered'] as const
const day = 86_400_000

beforeAll(async () => {
  const checks = { features: { amount: { nullRateMax: 0.5 } } }
  const [sales, guarded] = [{ view: { ttl: undefined, lookback: '24h' } }, { view: { checks } }]
  compaction = await startCompactionRig(
    { sales, guarded },
    { views, features: ['sales:amount', 'redelivered=redelivered'] },
  )
  ;({ rig, deps, context, folder, contextOf, makeSet, compactAll, filesBelow } = compaction)
  for (let at = 0; at < 8; at++) {
    // Two that tie on key and time: R3 decides, and the compaction keeps the one that wins.
    const tied = [sale(hour(at, 20), 'y', 10 + at), sale(hour(at, 20), 'y', 20 - at)]
    await rig.write('sales', at, 'a', sale(hour(at, 10), 'x', at), ...tied, sale(hour(at, 59), 'z', null))
    const made = hour(at, 30)
    await rig.write('events', at, 'a', redelivery(at, 5, `e${at}`, at, made), redelivery(at, 6, 'same', 1, made))
  }
  await settle()
})
afterAll(() => compaction?.stop())

const settle = async () => {
  for (const view of views) await rig.settle(view, hour(8))
}

/** The lookup's and the window's answer of one row of the spine. */
async function answersAt(set: string, at: string, shop: string): Promise<unknown[]> {
  const sql = `SELECT sales__amount AS amount, redelivered__total AS total FROM '${set}' WHERE shop = '${shop}' AND "at" = TIMESTAMP '${at.replace('Z', '')}'`
  const [row] = await rig.deps.engine.withSession((session) => session.all({ sql }))
  return [row?.amount, row?.total]
}

class Killed extends Error {}

/** Dies at its n-th call of a port, before or after it: from then on none of its calls arrives. */
function dyingAt(n: number, when: 'before' | 'after'): { readonly deps: ActivityDeps; isDead(): boolean } {
  let calls = 0
  let isDead = false
  const dying = <T extends object>(port: T): T =>
    new Proxy(port, {
      get(target, property, receiver) {
        const member: unknown = Reflect.get(target, property, receiver)
        // `uri` and `list` change nothing, and are no promises.
        if (typeof member !== 'function') return member
        if (property === 'uri' || property === 'list') return member.bind(target)
        return async (...values: unknown[]): Promise<unknown> => {
          if (isDead) throw new Killed()
          calls += 1
          if (calls === n && when === 'before') isDead = true
          if (isDead) throw new Killed()
          const result: unknown =
            property === 'withSession'
              ? await member.call(
                  target,
                  (session: object) => (values[0] as (s: object) => unknown)(dying(session)),
                  values[1],
                )
              : await member.apply(target, values)
          if (calls === n && when === 'after') isDead = true
          if (isDead) throw new Killed()
          return result
        }
      },
    })
  const { ledger, lake, engine } = deps
  return { deps: { ...deps, ledger: dying(ledger), lake: dying(lake), engine: dying(engine) }, isDead: () => isDead }
}

test('killed before and after each of its calls, a compaction changes no answer and leaves nothing behind', async () => {
  const before = await makeSet()
  let deaths = 0
  for (let n = 1, isOver = false; !isOver; n++)
    for (const when of ['before', 'after'] as const) {
      const dying = dyingAt(n, when)
      await compactAll(dying.deps).catch((error: unknown) => {
        if (!dying.isDead()) throw error
      })
      deaths += dying.isDead() ? 1 : 0
      isOver = !dying.isDead()
      if (n % 5 === 0) expect((await makeSet()).bytes, `after the death ${when} call ${n}`).toBe(before.bytes)
    }
  expect(deaths).toBeGreaterThan(10)
  const after = await makeSet(context, { of: before.out })
  expect(after.bytes).toBe(before.bytes)
  // Of eight hours two spans in each view; their own files are gone.
  const key = { view: 'sales', version: 1 }
  const all = { start: 0n, end: 1n << 62n }
  const current = (await rig.deps.ledger.compactions(key, all)).filter(({ isCurrent }) => isCurrent)
  expect(current.flatMap(({ commitIds }) => commitIds)).toHaveLength(8)
  expect(await filesBelow('rows/', 'tiles/')).toEqual([])
  // Attempts that died while writing are given up after a day; what the ledger knows of them is all that is left.
  const named = new Set(current.flatMap(({ files }) => files.map(({ path }) => path)))
  expect((await filesBelow('compacted/sales/')).filter((path) => named.has(path))).toHaveLength(named.size)
  expect(current.reduce((rows, { files }) => rows + files.reduce((sum, one) => sum + one.rows, 0), 0)).toBe(8 * 3)
}, 300_000)

test('R3, R21: what is committed anew inside a compaction counts, and nothing of what it replaced', async () => {
  // Lower than what they replace: a row that was left over would win. Hours 0 and 1 have events of 0 and 1; `same` counts once, later.
  await rig.write('sales', 2, 'a', sale(hour(2, 10), 'x', -1), sale(hour(2, 20), 'y', -2))
  await rig.write('events', 2, 'a', redelivery(2, 5, 'other', 100, hour(2, 30)))
  await settle()
  const replaced = await makeSet()
  expect(await answersAt(replaced.out, hour(2, 10), 'x')).toEqual([-1n, '1'])
  expect(await answersAt(replaced.out, hour(2, 20), 'y')).toEqual([-2n, null])
  expect(await answersAt(replaced.out, hour(3, 10), 'x')).toEqual([3n, '101'])
  await rig.write('sales', 3, 'late', sale(hour(3, 20), 'y', 98))
  await settle()
  const latest = await makeSet()
  expect((await compactAll()).files).toBeGreaterThan(0)
  const compacted = await makeSet(context, { of: latest.out })
  expect(compacted.bytes).toBe(latest.bytes)
  expect(await answersAt(compacted.out, hour(2, 10), 'x')).toEqual([-1n, '1'])
})

test('a file that was cut short, yet is valid, is not compacted beside one that is read in part', async () => {
  const key = { view: 'sales', version: 1 }
  for (const at of [0, 1]) await rig.write('sales', at, 'more', sale(hour(at, 40), 'x', 60 + at))
  await settle()
  const all = { start: 0n, end: 1n << 62n }
  const [commit] = await rig.deps.ledger.currentCommits(key, all)
  const compaction = (await rig.deps.ledger.compactions(key, all)).find(
    ({ span }) => span.start === commit!.interval.start,
  )
  const advised = [
    [commit!.data!, `millcourse backfill sales --from ${hour(0)} --to ${hour(1)} --force --yes --reason`],
    [compaction!.files[0]!, `${compaction!.commitIds.length} intervals lie in it`],
  ] as const
  for (const [{ path, rows }, advice] of advised) {
    const file = rig.deps.lake.uri(path)
    const whole = readFileSync(file)
    const cut = `COPY (SELECT * FROM read_parquet('${file}') LIMIT 1) TO '${file}.cut' (FORMAT parquet)`
    await rig.deps.engine.withSession((session) => session.execute({ sql: cut }))
    writeFileSync(file, readFileSync(`${file}.cut`))
    const detail = { facts: { file, rows: 1, expected: rows }, hint: expect.stringContaining(advice) }
    await expect(compactAll()).rejects.toMatchObject({ code: 'COMPACT_ROWS_DIFFER', detail })
    writeFileSync(file, whole)
  }
  await compactAll()
})

test('a set that pins its files is made again from them, after they were compacted and all else was removed', async () => {
  const made = await makeSet()
  await trainingSet(context, { rebuild: `${made.out}.manifest.json`, out: `${made.out}.kept.parquet`, keep: '1h' })
  const kept = { of: `${made.out}.kept.parquet`, pinned: true }
  for (const at of [4, 5, 6]) await rig.write('sales', at, 'late', sale(hour(at, 20), 'y', 90 + at))
  await settle()
  // Nothing else keeps what these hours were before.
  const retention = { compactedKeptMs: 0, supersededKeptMs: 0, graceMs: 0 }
  const strict = { ...deps, settings: { ...deps.settings, retention } }
  await compactAll(strict)
  await compactAll(strict)
  await expect(makeSet(context, { of: made.out })).rejects.toMatchObject({ code: 'TRAINING_STATE_CHANGED' })
  expect((await makeSet(context, kept)).bytes).toBe(made.bytes)
}, 60_000)

test('a column that was declared after all files were committed reads as null, in a compaction and in a part of one', async () => {
  const bundle = await rig.deps.registry.view('sales', 1)
  const channel = { name: 'channel', kind: 'string', nullable: true } as const
  const wider = { ...bundle, source: { ...bundle.source, schema: [...bundle.source.schema, channel] } }
  const key = { view: 'sales', version: 1 }
  const all = { start: 0n, end: 1n << 62n }
  const [commits, compactions] = await Promise.all([
    rig.deps.ledger.currentCommits(key, all),
    rig.deps.ledger.compactions(key, all),
  ])
  const files = committedFiles(commits.slice(1), compactions, (path) => rig.deps.lake.uri(path))
  expect(files.some((file) => typeof file !== 'string' && file.within !== null)).toBe(true)
  await rig.deps.engine.withSession(async (session) => {
    const rows = await session.all(printQuery(committedRows(wider, files)))
    expect(rows.length).toBeGreaterThan(6)
    expect(new Set(rows.map((row) => row.channel))).toEqual(new Set([null]))
    const query = buildCompaction({ bundle: wider, files, span: all, buckets: 1 })
    for (const statement of query.statements) await session.execute(statement)
    expect(await session.all(query.counts)).toEqual([{ bucket: 0n, rows: BigInt(rows.length) }])
    for (const statement of query.cleanup) await session.execute(statement)
  })
})

test('R37: a candidate goes when nobody can accept it any more, rejected rows after a retention of their own', async () => {
  const [nothing, forEver] = [sale(hour(0, 10), 'x', null), { compactedKeptMs: day, supersededKeptMs: day }]
  const of = (runId: string) => filesBelow(`candidates/${runId}/`, `quarantine/${runId}/`)
  const clean = (retention: object) => {
    const given = { ...deps, settings: { ...deps.settings, retention: { ...forEver, graceMs: 0, ...retention } } }
    return rig.step(removeFiles, [{ view: 'guarded', version: 1 }], {}, given)
  }
  const kept = { candidatesKeptMs: 0, quarantineKeptMs: day }
  await rig.write('guarded', 0, 'a', nothing, sale(hour(0, 20), null, 1))
  const held = await rig.run(hourOf('guarded', 0))
  expect(held.outcome).toBe('held')
  const files = await of(held.runId)
  expect(files.map((path) => path.split('/')[0])).toEqual(['candidates', 'quarantine'])
  for (const _ of ['marks', 'removes'])
    expect(await clean({ ...kept, quarantineKeptMs: 0 })).toMatchObject({ filesRemoved: 0 })
  expect(await of(held.runId)).toEqual(files)

  await rig.write('guarded', 0, 'a', sale(hour(0, 10), 'x', 1))
  expect((await rig.run(hourOf('guarded', 0))).outcome).toBe('done')
  // The candidates of both; what was promoted is elsewhere.
  expect(await clean(kept)).toMatchObject({ filesMarked: 0, filesRemoved: 0 })
  expect(await clean({ ...kept, graceMs: day })).toMatchObject({ filesMarked: 0, filesRemoved: 0 })
  expect(await clean(kept)).toMatchObject({ filesRemoved: 1 })
  expect(await of(held.runId)).toEqual(files.slice(1))
  expect(await clean({ ...kept, quarantineKeptMs: 0 })).toMatchObject({ filesRemoved: 0 })
  expect(await clean(kept)).toMatchObject({ filesRemoved: 1 })
  expect(await of(held.runId)).toEqual([])
  expect(await filesBelow('rows/guarded/')).toHaveLength(1)
})

test('a reader that was told of files before they were compacted and marked reads them undisturbed', async () => {
  const expected = await makeSet()
  for (const at of [0, 1]) await rig.write('sales', at, 'again', sale(hour(at, 30), 'y', 50 + at))
  await settle()
  const latest = await makeSet()
  expect(latest.bytes).not.toBe(expected.bytes)
  const retention = { compactedKeptMs: 0, supersededKeptMs: day, graceMs: 3_600_000 }
  // A worker of its own: the command holds its engine while it works.
  const engine = await createDuckdbEngine({ memoryLimitMb: 256, spillDir: join(folder, 'spill'), threads: 1 })
  const graceful = { ...deps, engine, settings: { ...deps.settings, retention } }
  // Between the moment it knows its files and that it pins and opens them, all else happens.
  const interrupted = new Proxy(rig.deps.ledger, {
    get: (target, property, receiver) =>
      property === 'pinTrainingSet'
        ? async (set: Parameters<LedgerWriter['pinTrainingSet']>[0]) => {
            await compactAll(graceful)
            return await target.pinTrainingSet(set)
          }
        : (Reflect.get(target, property, receiver) as unknown),
  })
  try {
    expect((await makeSet(contextOf(interrupted))).bytes).toBe(latest.bytes)
  } finally {
    await engine.close()
  }
  expect((await makeSet()).bytes).toBe(latest.bytes)
}, 60_000)

test('a compaction that cannot be read is told with the command that mends it, and its intervals run again', async () => {
  const key = { view: 'sales', version: 1 }
  await compactAll()
  const { bytes, out } = await makeSet()
  const compactions = await rig.deps.ledger.compactions(key, { start: 0n, end: 1n << 62n })
  const { path } = compactions.find(({ isCurrent, commitIds }) => isCurrent && commitIds.length > 1)!.files[0]!
  writeFileSync(rig.deps.lake.uri(path), 'not parquet any more')
  const hint = expect.stringContaining('millcourse check-quality sales --repair')
  await expect(makeSet()).rejects.toMatchObject({ code: 'SOURCE_FILE_CORRUPT', detail: { hint } })
  const drawn = { seed: 1, sample: 10, before: null }
  const found = await checkVersion(deps, await rig.deps.registry.view('sales', 1), drawn, new AbortController().signal)
  expect(new Set(found.faults.map(({ cause, file }) => [cause, file].join()))).toEqual(
    new Set([`committed-file,${rig.deps.lake.uri(path)}`]),
  )
  await rig.deps.ledger.recordQualityCheck(found, null)
  const { reopened, left } = await rig.step(repairView, [{ ...key, by: 'ann', reason: 'a test' }])
  expect([reopened.length > 1, left]).toEqual([true, 0])
  await settle()
  const mended = await makeSet()
  for (const at of [hour(2, 10), hour(3, 10), hour(6, 10)])
    expect(await answersAt(mended.out, at, 'x'), at).toEqual(await answersAt(out, at, 'x'))
  expect(mended.bytes).toBe(bytes)
}, 60_000)
