/** What one check of quality leaves for the next: what was at fault is looked at again, and no fault is lost between two of them. */
import { readFile, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkVersion } from '../../activities/check-view.js'
import { planQuality } from '../../activities/plan-quality.js'
import { repairView } from '../../activities/repair-view.js'
import { window } from '../../core/define/index.js'
import type { QueryEngine } from '../../core/ports/query-engine.js'
import type { RegistryWriter } from '../../core/ports/registry.js'
import type { ReadLimit } from '../../core/quality/index.js'
import { parseInstant } from '../../core/time/instant.js'
import { startS3Proxy } from '../../drill/faults/s3-proxy.js'
import { columnsOf, rewriteFile } from '../support/lake-files.js'
import { faultsOf, recordedCheck } from '../support/recorded-check.js'
import { folder, hour, hourOf, redelivery, type SalesRig, sale, startSalesRig } from '../support/sales-views.js'
import { startTestS3 } from '../support/versitygw.js'

const wide = {
  view: {
    ...{ tile: '1h', online: false },
    features: { total: window.sum('amount', { over: '6h' }), sales: window.count({ over: '6h' }) },
  },
}

let rig: SalesRig
beforeAll(async () => {
  rig = await startSalesRig({ many: {}, racing: {}, left: {}, waiting: {}, empty: {}, away: wide })
})
afterAll(() => rig?.stop())

const ofHour = (at: number) => ({ start: parseInstant(hour(at)), end: parseInstant(hour(at + 1)) })

async function pathOf(view: string, at: number): Promise<string> {
  const [commit] = await rig.deps.ledger.currentCommits({ view, version: 1 }, ofHour(at))
  return commit!.data!.path
}

/** Has the committed file of an hour say otherwise, as if its run had written it so. */
async function corrupt(
  view: string,
  at: number,
  select = '* REPLACE (99::BIGINT AS amount)',
  what: Parameters<SalesRig['commitAsIs']>[1] = 'all',
): Promise<void> {
  const path = await pathOf(view, at)
  await rewriteFile(rig.deps, path, select)
  await rig.commitAsIs(path, what)
}

const startRepair = (view: string) => rig.step(repairView, [{ view, version: 1, by: 'ann', reason: 'a test' }])

async function run(view: string, at: number): Promise<void> {
  await rig.write(view, at, 'a', sale(hour(at, 10), 'x', 1))
  await rig.run(hourOf(view, at))
}

test('an interval at fault is looked at again, and repaired, whatever intervals are drawn', async () => {
  await run('many', 0)
  // Hours without files, so that there are more than are drawn.
  await Promise.all(Array.from({ length: 113 }, (_, at) => rig.run(hourOf('many', at + 1))))
  // What is shown of the key lies elsewhere: that would be looked at in any case.
  await run('many', 114)
  await corrupt('many', 0)
  const bundle = await rig.deps.registry.view('many')
  const { signal } = new AbortController()
  const isSeen = async (seed: number) =>
    (await checkVersion(rig.deps, bundle, { seed, sample: 1, before: null }, signal)).faults.length > 0
  let [seen, unseen] = [1, 1]
  while (!(await isSeen(seen))) seen++
  while (await isSeen(unseen)) unseen++
  for (const seed of [seen, unseen])
    expect(faultsOf(await recordedCheck(rig.deps, 'many', { seed }))).toEqual([['committed-file', 'x', '00:00']])
  expect((await startRepair('many')).reopened).toEqual([{ start: hour(0), end: hour(1) }])

  // So it is where the file could not be read, and is put back as it should not be.
  await rig.run(hourOf('many', 0))
  await corrupt('many', 0)
  const file = rig.deps.lake.uri(await pathOf('many', 0))
  const bytes = await readFile(file)
  await writeFile(file, 'not parquet any more')
  expect(faultsOf(await recordedCheck(rig.deps, 'many', { seed: unseen }))).toEqual([['committed-file', null, '00:00']])
  await writeFile(file, bytes)
  expect(faultsOf(await recordedCheck(rig.deps, 'many', { seed: unseen }))).toEqual([['committed-file', 'x', '00:00']])
})

test('a fault that cannot be judged stands, and is not run again without its source files', async () => {
  await run('waiting', 0)
  await corrupt('waiting', 0)
  const fault = ['committed-file', 'x', '00:00']
  const check = () => recordedCheck(rig.deps, 'waiting')
  const found = await check()
  expect(faultsOf(found)).toEqual([fault])
  expect(found.faults[0]).not.toHaveProperty('judgedAt')
  await rig.deps.ledger.recordQualityCheck({ ...found, faultsLeft: 7 }, found)

  await startRepair('waiting')
  const waiting = await check()
  expect(waiting).toMatchObject({ faults: [{ judgedAt: found.checkedAt, isRepairable: true }], faultsLeft: 7 })
  const reopens = async () =>
    (await rig.deps.ledger.intervalStates({ view: 'waiting', version: 1 }, ofHour(0)))[0]!.reopens
  const before = await reopens()
  expect(await startRepair('waiting')).toMatchObject({ reopened: [{ start: hour(0) }], left: 0 })
  expect(await reopens()).toBe(before)
  await rig.run(hourOf('waiting', 0))
  expect(await check()).toMatchObject({ faults: [], faultsLeft: 0 })

  await corrupt('waiting', 0)
  expect(faultsOf(await check())).toEqual([fault])
  await writeFile(rig.deps.sources.uri(`${folder('waiting', 0)}/b.parquet`), 'no parquet')
  const unread = await check()
  expect(unread).toMatchObject({ unreadable: { code: 'SOURCE_FILE_CORRUPT' }, faults: [{ isRepairable: false }] })
  await rm(rig.deps.sources.uri(`${folder('waiting', 0)}/b.parquet`))
  const judged = await check()
  expect(judged.faults).toMatchObject([{ isRepairable: true }])
  expect(judged.faults[0]).not.toHaveProperty('judgedAt')

  await rm(rig.deps.sources.uri(`${folder('waiting', 0)}/a.parquet`))
  for (let times = 0; times < 2; times++) {
    expect(faultsOf(await check())).toEqual([fault])
    // Touched is not put back.
    await utimes(rig.deps.lake.uri(await pathOf('waiting', 0)), times, times)
  }
  expect(faultsOf(await check())).toEqual([fault])
  expect(await startRepair('waiting')).toEqual({ reopened: [], isRebuildAsked: false, left: 1 })
  // It is wrong as it was committed: damaged, and put back, it is no other.
  const file = rig.deps.lake.uri(await pathOf('waiting', 0))
  const bytes = await readFile(file)
  await writeFile(file, 'not parquet any more')
  expect(faultsOf(await check())).toContainEqual(['committed-file', null, '00:00'])
  await writeFile(file, bytes)
  for (let times = 0; times < 2; times++) expect(faultsOf(await check())).toEqual([fault])
  // Of a release that kept no digests: put back by hand, which nobody can compare with anything.
  await rig.commitAsIs(await pathOf('waiting', 0), 'as before digests')
  expect(faultsOf(await check())).toEqual([fault])
  await corrupt('waiting', 0, '* REPLACE (1::BIGINT AS amount)', 'as before digests')
  expect(faultsOf(await check())).toEqual([])
})

test('R19: a fault stands while the run that should mend it has failed, and a repair has it run once more', async () => {
  await rig.write('events', 0, 'a', redelivery(0, 10, 'one', 5, hour(0, 11)))
  const rerun = () => rig.run(hourOf('redelivered', 0, { kind: 'manual' }))
  await rerun()
  const path = await pathOf('redelivered', 0)
  const sum = (await columnsOf(rig.deps, path)).find((name) => /sum/.test(name))!
  await rewriteFile(rig.deps, path, `* REPLACE (("${sum}" + 1) AS "${sum}")`)
  await rig.commitAsIs(path)
  const check = async () => faultsOf(await recordedCheck(rig.deps, 'redelivered'))
  const fault = ['committed-file', 'x', '00:00']
  expect(await check()).toEqual([fault])
  await startRepair('redelivered')
  await writeFile(rig.deps.sources.uri(`${folder('events', 0)}/b.parquet`), 'no parquet')
  expect((await rerun()).outcome).toBe('SOURCE_FILE_CORRUPT')
  await rm(rig.deps.sources.uri(`${folder('events', 0)}/b.parquet`))
  expect(await check()).toEqual([fault])
  expect((await startRepair('redelivered')).reopened).toHaveLength(1)
  await rerun()
  expect(await check()).toEqual([])
})

test('what another check records meanwhile is looked at before its record is taken the place of', async () => {
  await run('racing', 0)
  let isFirst = true
  const ledger = new Proxy(rig.deps.ledger, {
    get: (of, name, self) =>
      name !== 'recordQualityCheck'
        ? Reflect.get(of, name, self)
        : async (...given: Parameters<typeof of.recordQualityCheck>) => {
            if (isFirst) {
              isFirst = false
              await corrupt('racing', 0)
              expect(faultsOf(await recordedCheck(rig.deps, 'racing'))).toHaveLength(1)
            }
            return await of.recordQualityCheck(...given)
          },
  })
  const found = await recordedCheck({ ...rig.deps, ledger }, 'racing')
  expect(faultsOf(found)).toEqual([['committed-file', 'x', '00:00']])
  expect(await rig.deps.ledger.qualityChecks()).toContainEqual(found)
})

test('a view that is gone from the repo is mended by a tick of its version, also where it is named', async () => {
  const { repo } = (await rig.deps.registry.current())!
  const views = repo.views.filter(({ name }) => name !== 'left')
  await (rig.deps.registry as RegistryWriter).apply({ ...repo, views }, { by: 'test' })
  const planned = await rig.step(planQuality, [{ views: ['left', 'many'], sample: 1, seed: 1, repair: null }])
  const told = planned.views.map(({ view, isSuperseded = false }) => [view, isSuperseded])
  expect(told).toEqual([
    ['left', true],
    ['many', false],
  ])
})

test('of files that are gone all are told, however many, and repaired', async () => {
  const hours = Array.from({ length: 22 }, (_, at) => at)
  for (const at of hours) await run('empty', at)
  for (const at of hours) await rm(rig.deps.lake.uri(await pathOf('empty', at)))
  const found = await recordedCheck(rig.deps, 'empty')
  expect(faultsOf(found)).toEqual(hours.map((at) => ['committed-file', null, hour(at).slice(11, 16)]))
  expect((await startRepair('empty')).reopened).toHaveLength(hours.length)
})

test('a lake that is away while rows are compared is told as that, and no file is blamed; away for a moment it is read again', async () => {
  for (const at of [0, 1]) await run('away', at)
  const bundle = await rig.deps.registry.view('away')
  const folder = dirname(rig.deps.lake.uri('any'))
  let away: { readonly from: number; readonly until: number } = { from: 0, until: 0 }
  const look = async () => {
    let sessions = 0
    const engine: QueryEngine = new Proxy(rig.deps.engine, {
      get: (of, name) => {
        const own: unknown = Reflect.get(of, name, of)
        if (name !== 'withSession') return typeof own === 'function' ? own.bind(of) : own
        return async (...given: Parameters<QueryEngine['withSession']>) => {
          const turn = ++sessions
          if (turn === away.from) await rename(folder, `${folder}.away`)
          return await of.withSession(...given).finally(async () => {
            if (turn === away.until) await rename(`${folder}.away`, folder)
          })
        }
      },
    })
    const drawn = { seed: 1, sample: 30, before: null }
    const found = await checkVersion({ ...rig.deps, engine }, bundle, drawn, new AbortController().signal)
    return { sessions, told: faultsOf(found) }
  }
  const whole = await look()
  expect(whole.told).toEqual([])
  for (let turn = 1; turn <= whole.sessions; turn++) {
    away = { from: turn, until: turn }
    expect((await look()).told, `away in session ${turn}`).toEqual([])
    away = { from: turn, until: 0 }
    await expect(look(), `away from session ${turn} on`).rejects.toMatchObject({ code: 'LAKE_UNREACHABLE' })
    await rename(`${folder}.away`, folder)
  }
})

test('an object that S3 keeps from its readers is at fault by itself, also where the engine meets it first; where none may be read the check ends', async () => {
  const s3 = await startTestS3()
  const proxy = await startS3Proxy(s3.endpoint)
  Object.assign(process.env, s3.environment)
  const root = `s3://${await s3.newBucket('lake')}`
  const given = { endpoint: proxy.endpoint, isPathStyle: true, region: 'us-east-1', roleArn: null, caFile: null }
  const inS3 = await startSalesRig({ denied: wide }, { lake: `${root}/lake`, sources: `${root}/sources`, s3: given })
  try {
    for (const at of [0, 1, 2]) {
      await inS3.write('denied', at, 'a', sale(hour(at, 10), 'a', at + 1))
      await inS3.run(hourOf('denied', at))
    }
    const commits = await inS3.deps.ledger.currentCommits(
      { view: 'denied', version: 1 },
      { start: parseInstant(hour(0)), end: parseInstant(hour(3)) },
    )
    const refuse = (path: string, status: number, code: string) => {
      proxy.choose = (line) => (line.startsWith('GET') && line.includes(path) ? { status, code } : 'none')
    }
    const check = (limit?: ReadLimit) => recordedCheck(inS3.deps, 'denied', { limit })
    const unread = { files: 0, bytes: 0 }
    for (const [status, code, limit] of [
      [403, 'InvalidObjectState', unread],
      [400, 'InvalidRequest', undefined],
      [400, 'InvalidRequest', unread],
    ] as const) {
      refuse(commits[1]!.data!.path, status, code)
      const found = await check(limit)
      expect(faultsOf(found)).toEqual([['committed-file', null, '01:00']])
      expect(found.unreadable).toBeNull()
    }
    refuse('/lake/lake/', 403, 'AccessDenied')
    for (const limit of [undefined, unread])
      await expect(check(limit)).rejects.toMatchObject({
        code: expect.stringMatching(/ACCESS_DENIED$/),
      })
  } finally {
    await inS3.stop()
    await proxy.stop()
    await s3.stop()
  }
})
