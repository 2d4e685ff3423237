/** check-quality where a feature is held alone (R35): that is no fault, and hides none. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { applyDecision } from '../../activities/decide.js'
import { window } from '../../core/define/index.js'
import { decodeValues, encodeKey } from '../../core/publish/index.js'
import { tableOf } from '../support/publish-rig.js'
import { type QualityRig, startQualityRig } from '../support/quality-rig.js'
import { faultsOf, recordedCheck } from '../support/recorded-check.js'
import { hour, hourOf, sale } from '../support/sales-views.js'

let quality: QualityRig
beforeAll(async () => {
  const holding = (feature: string) => ({
    ...{ online: true, checks: { features: { [feature]: { max: 100, severity: 'hold-feature' } } } },
  })
  const sums = {
    ...{ tile: '1h', ...holding('total') },
    features: { total: window.sum('amount', { over: '3h' }), sales: window.count({ over: '3h' }) },
  }
  quality = await startQualityRig({
    alone: { view: holding('amount') },
    alone_sums: { view: sums },
    older_sums: { view: sums },
  })
})
afterAll(() => quality?.stop())

const check = (view: string, seed = 1) => recordedCheck(quality.rig.deps, view, { seed })
const decide = async (view: string, action: 'accept' | 'reject', at: number) => {
  const { interval, runId } = await quality.commitOf(view, at)
  const asked = { ...{ view, version: 1, action, interval, runId }, reason: 'looked at', by: 'ann' }
  const { decisionId } = await quality.rig.deps.ledger.recordDecision(asked)
  expect(await quality.rig.step(applyDecision, [{ decisionId, now: null }])).toMatchObject({ kind: 'committed' })
  await quality.publishNow(view, `${action}-${at}`)
}
const shownOf = async (view: string, shop: string) => {
  const bundle = await quality.bundleOf(view)
  const [item = null] = await quality.online.getItems(await tableOf(quality.rig.deps, bundle), [
    encodeKey(bundle.entity.keys, [shop]),
  ])
  const { held = null, values, schemaHash } = item!
  return { isHeld: held !== null, values: decodeValues(bundle.view.features, values!, schemaHash) }
}
const expectNoFault = async (view: string) => {
  for (const seed of [1, 2, 3])
    expect(await check(view, seed)).toMatchObject({ faults: [], lags: [], unsettled: 0, unreadable: null })
}
/** The hour's first row is beyond the limit. */
const holdHour = async (view: string, at: number, feature: string) => {
  const rows = [...'abcde'].map((shop, index) => sale(hour(at, 10 + index), shop, index === 0 ? 500 + at : at))
  await quality.rig.write(view, at, 'a', ...rows)
  expect((await quality.rig.run(hourOf(view, at))).outcome).toBe('done')
  expect((await quality.commitOf(view, at)).held).toEqual({ features: [feature], isRejected: false })
}

test('R35: a feature of a lookup held alone is no fault while it is held, accepted or rejected; beside it, and below it, what is wrong is found', async () => {
  await quality.fill('alone', [0, 1, 2])
  await holdHour('alone', 3, 'amount')
  const held = { isHeld: true, values: [20n, 'n'] }
  expect(await shownOf('alone', 'a')).toEqual(held)
  await expectNoFault('alone')
  // Beside it: of the same item another value.
  await quality.put('alone', 'a', [20n, 'other'])
  const [beside] = (await check('alone')).faults
  expect(beside).toMatchObject({ cause: 'online-item', key: { shop: 'a' } })
  await quality.repair('alone')
  await quality.expectRepaired('alone')
  expect(await shownOf('alone', 'a')).toEqual(held)
  // Itself: another value than that of its newest row that counts.
  await quality.put('alone', 'a', [77n, 'n'])
  const [itself] = (await check('alone')).faults
  expect(itself).toMatchObject({ cause: 'online-item', features: ['amount'], expected: '{"amount":"20"}' })
  await quality.repair('alone')
  await quality.expectRepaired('alone')
  expect(await shownOf('alone', 'a')).toEqual(held)
  // Below it: the committed row that it is shown of.
  const { data } = await quality.commitOf('alone', 2)
  await quality.rewrite(data!.path, `* REPLACE (CASE shop WHEN 'a' THEN 99 ELSE amount END::BIGINT AS amount)`)
  expect(faultsOf(await check('alone'))).toEqual([['committed-file', 'a', '02:00']])
  await quality.repair('alone')
  await quality.expectRepaired('alone')
  expect(await shownOf('alone', 'a')).toEqual(held)
  await decide('alone', 'accept', 3)
  expect(await shownOf('alone', 'a')).toEqual({ isHeld: false, values: [503n, 'n'] })
  await expectNoFault('alone')
  await quality.put('alone', 'a', [20n, 'n'])
  expect(faultsOf(await check('alone'))).toEqual([['online-item', 'a', null]])
  await quality.repair('alone')
  await holdHour('alone', 4, 'amount')
  await decide('alone', 'reject', 4)
  expect(await shownOf('alone', 'a')).toEqual({ isHeld: true, values: [503n, 'n'] })
  await expectNoFault('alone')
})

test('R35: a feature of a window held alone is no fault either, nor what its gap leaves of the sum; what it does not show is', async () => {
  await quality.fill('alone_sums', [0, 1, 2])
  await holdHour('alone_sums', 3, 'total')
  await expectNoFault('alone_sums')
  const shown = (await shownOf('alone_sums', 'b')).values
  await quality.put('alone_sums', 'b', ['9', shown[1]])
  const [fault] = (await check('alone_sums')).faults
  expect(fault).toMatchObject({ cause: 'online-item', features: ['total'], expected: `{"total":"${shown[0]}"}` })
  await quality.repair('alone_sums')
  await quality.expectRepaired('alone_sums')
  await decide('alone_sums', 'accept', 3)
  expect((await shownOf('alone_sums', 'a')).values).toEqual(['533', 3n])
  await expectNoFault('alone_sums')
  await holdHour('alone_sums', 4, 'total')
  await decide('alone_sums', 'reject', 4)
  expect((await shownOf('alone_sums', 'a')).values).toEqual(['523', 3n])
  await expectNoFault('alone_sums')
})

test('R35: a key that has something left at the older end of a held window alone is no fault', async () => {
  await quality.rig.write('older_sums', 0, 'a', sale(hour(0, 5), 'z', 7), sale(hour(0, 6), 'a', 1))
  await quality.rig.run(hourOf('older_sums', 0))
  await holdHour('older_sums', 1, 'total')
  await quality.fill('older_sums', [2, 3])
  // At four o'clock no sale of z is in reach; its sum is that of one o'clock.
  expect((await shownOf('older_sums', 'z')).values).toEqual(['7', 0n])
  await expectNoFault('older_sums')
  for (const wrong of [
    ['7', 1n],
    ['8', 0n],
  ]) {
    await quality.put('older_sums', 'z', wrong)
    expect(faultsOf(await check('older_sums'))).toEqual([['online-item', 'z', null]])
  }
})
