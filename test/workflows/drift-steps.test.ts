/** What drift says of runs that really ran, and of them once more in a replay, over real Postgres, DuckDB and folders. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { quality } from '../../cli/commands/quality.js'
import { qualityReplay } from '../../cli/commands/quality-replay.js'
import type { CliContext } from '../../cli/context.js'
import type { Finding } from '../../core/judge/index.js'
import { hour, hourOf, type SalesRig, sale, startSalesRig } from '../support/sales-views.js'

const drift = { sigmaMax: 3, historyMin: 4, severity: 'hold-feature' }

let rig: SalesRig
/** Of each hour how its run ended, and what was found. */
const ran: { readonly runId: string; readonly outcome: string; readonly findings: readonly Finding[] }[] = []

beforeAll(async () => {
  rig = await startSalesRig({
    floods: { view: { checks: { features: { amount: { drift } } } } },
    minutes: { view: { every: '1m' } },
  })
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

/** As the command line would be called, on the rig's parts. */
function context(): CliContext {
  const { ledger, registry } = rig.deps
  return { ledger: async () => ledger, registry: async () => registry, isJson: true } as unknown as CliContext
}

test('a replay of the limit finds in each run what the run was found to be, and says which could not be judged', async () => {
  const check = ['amount.drift.sigmaMax=3', 'amount.drift.historyMin=4']
  const { data, text } = await qualityReplay(context(), 'floods', { check })
  const held = ran.filter(({ findings }) => findings.length > 0)
  expect(data).toMatchObject({
    ...{ judged: 3, unjudged: 4 },
    fired: held.map(({ runId, findings }) => ({
      run: runId,
      findings: findings.map(({ severity, ...finding }) => finding),
    })),
  })
  expect(text).toContain('would have fired in 3 of 3 runs (100.0 %) from 2000-12-04T07:00:00Z to 2001-01-01T07:00:00Z')
  expect(text).toContain('\n4 more runs could not be judged: too little history, or too few values')
})

test('of intervals of a minute, as many are looked back on as may be, where nobody says from when on', async () => {
  const interval = { start: hour(0), end: hour(0, 1) }
  await rig.write('minutes', 0, 'a', sale(hour(0), 'x', 1))
  await rig.run({ ...hourOf('minutes', 0), interval })
  const range = { start: '2000-12-25T01:21:00Z', end: interval.end }
  const check = ['rows.min=1']
  expect((await qualityReplay(context(), 'minutes', { check })).data).toMatchObject({
    ...range,
    judged: 1,
    unjudged: 0,
  })
  expect((await quality(context(), 'minutes', { by: 'interval' })).data).toMatchObject({
    ...range,
    points: [{ rows: 1 }],
  })
  const from = '2000-12-25T01:20:00Z'
  await expect(qualityReplay(context(), 'minutes', { check, from })).rejects.toMatchObject({ code: 'USAGE' })
})
