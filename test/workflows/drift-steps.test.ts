/** What drift says of runs that really ran, over real Postgres, DuckDB and folders. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Finding } from '../../core/judge/index.js'
import { hour, hourOf, type SalesRig, sale, startSalesRig } from '../support/sales-views.js'

const drift = { sigmaMax: 3, historyMin: 4, severity: 'hold-feature' }

let rig: SalesRig
/** Of each hour how its run ended, and what was found. */
const ran: { readonly runId: string; readonly outcome: string; readonly findings: readonly Finding[] }[] = []

beforeAll(async () => {
  rig = await startSalesRig({ floods: { view: { checks: { features: { amount: { drift } } } } } })
  for (const [at, amount] of [1, 1, 1, 1, 1000, 1000, 1000].entries()) {
    await rig.write('floods', at, 'a', sale(hour(at, 5), 'x', amount), sale(hour(at, 6), 'y', amount + 1))
    const { outcome, runId } = await rig.run(hourOf('floods', at))
    ran.push({ runId, outcome, findings: (await rig.deps.ledger.run(runId))!.verdict!.findings })
  }
})
afterAll(() => rig?.stop())

test('R35: what has drifted is held alone hour after hour, though the newest run is no measure of it', () => {
  expect(ran.map(({ outcome }) => outcome)).toEqual(ran.map(() => 'done'))
  const found = ran.map(({ findings }) =>
    findings.map(({ code, severity, baseline }) => [code, severity, baseline!.runs]),
  )
  const held = [['mean_drifted', 'hold-feature', 4]]
  expect(found).toEqual([[], [], [], [], held, held, held])
})
