/** Days that are none (R11), as values, buckets and keys: they are computed again, compared, explained and told as what they are. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { entity, type FeatureRepo, featureView, lookup, parquet, t, window } from '../../core/define/index.js'
import { askedExplanation } from '../support/asked-explanation.js'
import { startTestOnline, type TestOnline } from '../support/dynalite.js'
import { recordedCheck } from '../support/recorded-check.js'
import { hour } from '../support/sales-views.js'
import { type StepRig, startStepRig } from '../support/step-rig.js'

const owner = 'ops'
const day = entity('day', { keys: { day: t.date() }, owner })
const prices = parquet('prices', {
  path: 'prices/h={yyyy-MM-dd}T{HH}/*.parquet',
  ...{ eventTime: 'at', schema: { at: t.timestamp(), day: t.date(), until: t.date(), seen: t.timestamp() }, owner },
})
const common = { version: 1, entity: day, source: prices, since: hour(0), every: '1h', owner, online: true } as const
const newest = featureView('newest', { ...common, features: { until: lookup(), seen: lookup() } })
const counted = featureView('counted', {
  ...common,
  features: { n: window.count({ over: '2h', by: 'until' }), days: window.last_n('until', { n: 3, over: '2h' }) },
})
const repo: FeatureRepo = {
  ...{ project: 'test', entities: [day.definition], sources: [prices.definition], services: [] },
  views: [newest.definition, counted.definition],
}

let rig: StepRig
let online: TestOnline
beforeAll(async () => {
  online = await startTestOnline()
  rig = await startStepRig(repo, null, online.store)
  const price = (text: string, until: string) =>
    `SELECT TIMESTAMP '2001-01-01 00:10:00' AS "at", '${text}'::DATE AS day, '${until}'::DATE AS until, '${text}'::TIMESTAMP AS seen`
  const rows = [price('infinity', '-infinity'), price('-infinity', 'infinity'), price('2001-01-01', 'infinity')]
  await rig.writeFile('prices/h=2001-01-01T00/a.parquet', rows.join(' UNION ALL '))
  for (const view of ['newest', 'counted']) await rig.settle(view, hour(1))
})
afterAll(async () => {
  await rig?.stop()
  await online?.stop()
})

test.each(['newest', 'counted'])('R11: nothing is at fault of %s', async (view) => {
  expect(await recordedCheck(rig.deps, view)).toMatchObject({
    faults: [],
    lags: [],
    unsettled: 0,
    unreadable: null,
    keys: { committed: 3 },
  })
})

test('explain takes such a day as a key, and tells it as it is', async () => {
  const asked = (key: string) =>
    askedExplanation(rig.deps, { view: 'newest', key: `day=${key}`, at: hour(0, 30), now: hour(1) })
  const found = await asked('infinity')
  expect(found.features).toMatchObject([
    { name: 'until', value: '-infinity', recomputed: '-infinity', online: '-infinity' },
    { name: 'seen', value: 'infinity', recomputed: 'infinity', online: 'infinity' },
  ])
  expect((await asked('-infinity')).features).toMatchObject([{ value: 'infinity' }, { value: '-infinity' }])
})
