/** A repair of a view below, and versions of views above that others took the place of and that are still served. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { publishView } from '../../activities/publish-view.js'
import { recordFailure } from '../../activities/record-run.js'
import { repairView } from '../../activities/repair-view.js'
import { entity, type FeatureRepo, featureView, fromView, lookup, parquet, t, window } from '../../core/define/index.js'
import type { RegistryWriter } from '../../core/ports/registry.js'
import { parseInstant } from '../../core/time/instant.js'
import { startTestOnline, type TestOnline } from '../support/dynalite.js'
import { rewriteFile } from '../support/lake-files.js'
import { tableOf } from '../support/publish-rig.js'
import { faultsOf, recordedCheck } from '../support/recorded-check.js'
import { hour, hourOf, sale } from '../support/sales-views.js'
import { type StepRig, startStepRig } from '../support/step-rig.js'

const owner = 'ops'
const shop = entity('shop', { keys: { shop: t.string() }, owner })
const common = { entity: shop, since: hour(0), every: '1h', owner, lookback: '24h' } as const
const sales = parquet('sales', {
  path: 'sales/h={yyyy-MM-dd}T{HH}/*.parquet',
  ...{ eventTime: 'at', schema: { at: t.timestamp(), shop: t.string(), amount: t.int64().nullable() }, owner },
})
const sums = featureView('sums', {
  ...{ ...common, version: 1, source: sales, online: false },
  features: { n: window.count({ over: '2h' }) },
})
const ends = fromView('ends', {
  ...{ view: sums, eventTime: 'end', schema: { end: t.timestamp(), shop: t.string(), n: t.int64() }, owner },
})

function repoOf(version: number): FeatureRepo {
  const last = featureView('last', { ...common, version, source: ends, online: true, features: { n: lookup() } })
  // Served through one that is not.
  const mid = featureView('mid', { ...common, version, source: ends, online: false, features: { n: lookup() } })
  const mids = fromView('mids', {
    ...{ view: mid, eventTime: 'end', schema: { end: t.timestamp(), shop: t.string(), n: t.int64() }, owner },
  })
  const far = featureView('far', { ...common, version, source: mids, online: true, features: { n: lookup() } })
  return {
    ...{ project: 'test', entities: [shop.definition], services: [] },
    sources: [sales.definition, ends.definition, mids.definition],
    views: [sums, last, mid, far].map((one) => one.definition),
  }
}

let rig: StepRig
let online: TestOnline
beforeAll(async () => {
  online = await startTestOnline()
  rig = await startStepRig(repoOf(1), null, online.store)
})
afterAll(async () => {
  await rig?.stop()
  await online?.stop()
})

test('what a served version was made of a file at fault is re-opened, and its newest version’s tick has it run once the view below is mended', async () => {
  for (const at of [0, 1, 2, 3])
    await rig.writeFile(`sales/h=2001-01-01T0${at}/a.parquet`, sale(hour(at, 10), 'a', at).replace(`, 'n' AS note`, ''))
  for (const view of ['sums', 'last', 'mid', 'far']) await rig.settle(view, hour(4))
  await (rig.deps.registry as RegistryWriter).apply(
    { ...repoOf(2), project: rig.deps.settings.project },
    { by: 'test' },
  )
  for (const view of ['last', 'mid', 'far']) await rig.settle(view, hour(4))

  const ofHour = { start: parseInstant(hour(1)), end: parseInstant(hour(2)) }
  const [commit] = await rig.deps.ledger.currentCommits({ view: 'sums', version: 1 }, ofHour)
  await rewriteFile(rig.deps, commit!.data!.path, '*')
  expect(faultsOf(await recordedCheck(rig.deps, 'sums'))).toEqual([['committed-file', null, '01:00']])
  expect((await rig.step(repairView, [{ view: 'sums', version: 1, by: 'ann', reason: 'a test' }])).above).toEqual([
    { view: 'last', version: 2, intervals: 2 },
    { view: 'mid', version: 2, intervals: 2 },
    { view: 'last', version: 1, intervals: 2 },
    { view: 'mid', version: 1, intervals: 2 },
    { view: 'far', version: 2, intervals: 2 },
    { view: 'far', version: 1, intervals: 2 },
  ])
  for (const view of ['mid', 'far']) expect((await rig.tick(view, hour(4))).repairedVersions).toEqual([1])
  const due = async (view: string) => (await rig.tick(view, hour(4), { version: 1 })).due.map(({ start }) => start)
  expect((await rig.tick('last', hour(4))).repairedVersions).toEqual([1])
  expect(await due('last')).toEqual([])
  await rig.run(hourOf('sums', 1, { kind: 'manual', now: hour(4) }))
  expect(await due('last')).toEqual([hour(2), hour(3)])
  // Of one that is not served itself, and is what a served one is made of.
  expect([await due('mid'), await due('far')]).toEqual([[hour(2), hour(3)], []])
  for (const at of [2, 3]) expect((await rig.run(hourOf('mid', at, { now: hour(4) }))).outcome).toBe('done')
  expect([await due('mid'), await due('far')]).toEqual([[], [hour(2), hour(3)]])
  // A run that fails in passing has cleared the reason: it is tried again all the same.
  const passing = hourOf('last', 2, { now: hour(4) })
  expect((await rig.plan(passing, { id: 'passing' })).kind).toBe('ready')
  const error = { code: 'LAKE_UNREACHABLE', message: 'a test', hint: null, facts: {}, step: 'read', attempts: 1 }
  await rig.step(recordFailure, [{ input: passing, error, isReplanned: false }], { id: 'passing' })
  expect((await rig.run(hourOf('last', 3, { now: hour(4) }))).outcome).toBe('done')
  expect((await rig.tick('last', hour(4))).repairedVersions).toEqual([1])
  expect(await due('last')).toEqual([hour(2)])
  // One that commits while another publish holds the lease leaves what it has committed to a further one.
  const key = { view: 'last', version: 1 }
  await rig.deps.ledger.askRebuild(key, 0n)
  const held = await rig.deps.ledger.openPublish({
    ...{ ...key, owner: 'another', workflowRunId: 'another', leaseMs: 60_000, firstLoadsMax: 0, window: null },
    ...{ table: await tableOf(rig.deps, await rig.deps.registry.view('last', 1)), since: 0n, everyNs: 1n },
  })
  if (held.kind !== 'opened') throw new Error(held.kind)
  await rig.run(passing)
  await rig.deps.ledger.releaseLease(key, held.publish.sequence, 'another')
  expect((await rig.tick('last', hour(4))).repairedVersions).toEqual([1])
  expect(await rig.tick('last', hour(4), { version: 1 })).toMatchObject({ due: [], isPublishDue: true })
  await rig.step(publishView, [{ ...key, now: null }])
  expect(await rig.tick('last', hour(4))).not.toHaveProperty('repairedVersions')

  // Its table dropped, nobody is served from it, and nothing of it runs.
  const again = { start: parseInstant(hour(2)), end: parseInstant(hour(3)) }
  await rig.deps.ledger.reopenIntervals({ view: 'last', version: 1 }, [again], 'check-quality: a test')
  expect((await rig.tick('last', hour(4))).repairedVersions).toEqual([1])
  await online.store.dropTable(await tableOf(rig.deps, await rig.deps.registry.view('last', 1)), { isAwaited: true })
  expect(await rig.tick('last', hour(4))).not.toHaveProperty('repairedVersions')
})
