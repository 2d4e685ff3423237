/** What one check of quality leaves for the next: what was at fault is looked at again, and no fault is lost between two of them. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkVersion } from '../../activities/check-view.js'
import { planQuality } from '../../activities/plan-quality.js'
import { repairView } from '../../activities/repair-view.js'
import type { RegistryWriter } from '../../core/ports/registry.js'
import { parseInstant } from '../../core/time/instant.js'
import { rewriteFile } from '../support/lake-files.js'
import { faultsOf, recordedCheck } from '../support/recorded-check.js'
import { hour, hourOf, type SalesRig, sale, startSalesRig } from '../support/sales-views.js'

let rig: SalesRig
beforeAll(async () => {
  rig = await startSalesRig({ many: {}, racing: {}, left: {} })
})
afterAll(() => rig?.stop())

/** Runs an hour of one sale, and has its committed file say otherwise. */
async function corrupt(view: string, at: number): Promise<void> {
  const interval = { start: parseInstant(hour(at)), end: parseInstant(hour(at + 1)) }
  const [commit] = await rig.deps.ledger.currentCommits({ view, version: 1 }, interval)
  await rewriteFile(rig.deps, commit!.data!.path, '* REPLACE (99::BIGINT AS amount)')
}

async function run(view: string, at: number): Promise<void> {
  await rig.write(view, at, 'a', sale(hour(at, 10), 'x', 1))
  await rig.run(hourOf(view, at))
}

test('an interval at fault is looked at again, and repaired, whatever intervals are drawn', async () => {
  await run('many', 0)
  // Hours without files, so that there are more than are drawn.
  await Promise.all(Array.from({ length: 113 }, (_, at) => rig.run(hourOf('many', at + 1))))
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
  const { reopened } = await rig.step(repairView, [{ view: 'many', version: 1, by: 'ann', reason: 'a test' }])
  expect(reopened).toEqual([{ start: hour(0), end: hour(1) }])
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
