/** What a repair meets while something else goes on. */
import { writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { repairView } from '../../activities/repair-view.js'
import { type QualityRig, startQualityRig } from '../support/quality-rig.js'
import { faultsOf, recordedCheck } from '../support/recorded-check.js'
import { hour, hourOf } from '../support/sales-views.js'

let quality: QualityRig
beforeAll(async () => {
  quality = await startQualityRig({ planning: { view: { online: true } } })
})
afterAll(() => quality?.stop())

const check = (view: string, sample = 30) => recordedCheck(quality.rig.deps, view, { seed: 1, sample })
const startRepair = (view: string) => quality.rig.step(repairView, [{ view, version: 1, by: 'ann', reason: 'a test' }])

test('a run that still plans takes the place of nothing: an interval at fault is re-opened beside it', async () => {
  await quality.fill('planning')
  const { rig, commitOf } = quality
  const { data, interval } = await commitOf('planning', 2)
  await writeFile(rig.deps.lake.uri(data!.path), 'not parquet any more')
  const { definitionHash } = await quality.bundleOf('planning')
  const run = { view: 'planning', version: 1, runId: 'plans', interval, kind: 'manual', definitionHash } as const
  await rig.deps.ledger.startRun({ ...run, workflowId: 'plans', temporalRunId: 'plans' })
  expect(faultsOf(await check('planning'))).toEqual([['committed-file', null, '02:00']])
  expect((await startRepair('planning')).reopened).toEqual([{ start: hour(2), end: hour(3) }])
  const end = { keyCounts: null, measures: null, error: null }
  await rig.deps.ledger.endRun('plans', { ...end, outcome: 'skipped' })
  expect(await rig.starts('planning', hour(4))).toEqual(['02:00'])
  await rig.run(hourOf('planning', 2))
  await quality.publishNow('planning', 'repair')
  await quality.expectRepaired('planning')
})
