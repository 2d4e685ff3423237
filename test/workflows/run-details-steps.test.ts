/** What a removal of run details takes along a view's life, and how an interval of long ago is judged that runs again. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { removeFiles } from '../../activities/remove-files.js'
import { quality } from '../../cli/commands/quality.js'
import { qualityReplay } from '../../cli/commands/quality-replay.js'
import { showRun } from '../../cli/commands/runs-show.js'
import type { CliContext } from '../../cli/context.js'
import type { Clock } from '../../core/ports/clock.js'
import type { Instant } from '../../core/time/instant.js'
import type { StackPorts } from '../../workers/stack-ports.js'
import { commandContext } from '../support/command-context.js'
import { hour, hourOf, type SalesRig, startSalesRig } from '../support/sales-views.js'

const checks = { drift: { volumeChangeMax: 1, historyMin: 6 } }
const view = 'drifting'
let rig: SalesRig
beforeAll(async () => {
  rig = await startSalesRig({ [view]: { view: { checks } } })
})
afterAll(() => rig?.stop())

async function ran(at: number, rows: number): Promise<readonly [string, string]> {
  const time = `TIMESTAMP '${hour(at).replace('Z', '')}' + INTERVAL 1 SECOND * i`
  await rig.write(
    view,
    at,
    'all',
    `SELECT ${time} AS "at", 's' || i AS shop, 1 AS amount, 'n' AS note FROM range(${rows}) r(i)`,
  )
  const { outcome, runId } = await rig.run(hourOf(view, at))
  return [outcome, runId]
}

/** Twice: the first marks what runs have left, which is to be gone before their details are. */
async function remove(realNow: Instant): Promise<(number | undefined)[]> {
  const { clock, settings } = rig.deps
  const at: Clock = { now: () => clock.now(), realNow: () => realNow, monotonicMs: () => clock.monotonicMs() }
  const kept = { compactedKeptMs: 0, supersededKeptMs: 0, candidatesKeptMs: 0, quarantineKeptMs: 0, detailsKeptMs: 0 }
  const deps = { ...rig.deps, clock: at, settings: { ...settings, retention: { ...kept, graceMs: 0 } } }
  const removed = []
  for (let time = 0; time < 2; time++)
    removed.push((await rig.step(removeFiles, [{ view, version: 1 }], {}, deps)).detailsRemoved)
  return removed
}

test('R26: drift is judged by what there is; of an interval that has too little of it left it says nothing', async () => {
  const runIds: string[] = []
  for (let at = 0; at < 10; at++) {
    const [outcome, runId] = await ran(at, 100)
    expect(outcome).toBe('done')
    runIds.push(runId)
  }
  const { ledger, clock } = rig.deps
  // All of them are history of the next hour, however long ago they ended.
  expect(await remove(clock.realNow())).toEqual([0, 0])
  expect((await ran(10, 1_000))[0]).toBe('held')
  // Two months later nothing that is due next is compared with them.
  expect((await ran(24 * 60, 100))[0]).toBe('done')
  const fifth = (await ledger.run(runIds[4]!))!.endedAt!
  expect(await remove(fifth)).toEqual([5, 0])
  const left = await ledger.profiledRuns(runIds, { withSketches: false })
  expect(left.map(({ profile }) => profile !== null)).toEqual(runIds.map((_, at) => at >= 5))
  // Ten good runs lie before it: five can be compared with, and six are asked for.
  expect((await ran(10, 1_001))[0]).toBe('done')

  const range = { from: hour(0), to: hour(10) }
  const charted = await quality(context(), view, { ...range, by: 'interval' })
  expect(charted.data).toMatchObject({
    profilesRemoved: 5,
    points: runIds.map((_, at) => ({ rows: at < 5 ? null : 100 })),
  })
  const said = 'profiles of 5 intervals were removed (MILLCOURSE_KEEP_RUN_DETAILS)'
  expect(charted.text).toContain(said)
  const replayed = await qualityReplay(context(), view, { ...range, check: ['rows.min=101'] })
  expect(replayed).toMatchObject({ data: { judged: 5, profilesRemoved: 5, fired: [{}, {}, {}, {}, {}] } })
  expect(replayed.text).toContain(said)
  const shown = await showRun(context(), runIds[4]!)
  expect(shown.data).toMatchObject({ details: { detailsRemovedAt: expect.any(String), rows: 100 } })
  expect(shown.text).toContain('(MILLCOURSE_KEEP_RUN_DETAILS): profile, sketches and its own cost')
  expect(shown.text).toContain('read 100 = kept 100')
  const later = await showRun(context(), runIds[5]!)
  expect(later.text).toContain('not compared: the last good run’s profile was removed')
  const newest = await showRun(context(), runIds[6]!)
  expect(newest.text).not.toContain('removed')
  expect((await quality(context(), view, { from: hour(5), to: hour(10), by: 'interval' })).text).not.toContain(
    'removed',
  )
})

function context(): CliContext {
  const { ledger, registry, sources, engine } = rig.deps
  const ports = {
    ledger: async () => ledger,
    registry: async () => registry,
    sources: async () => sources,
    engine: async () => engine,
    addresses: async () => ({ temporalUi: null, temporalNamespace: 'default', runbooksUrl: null }),
  }
  return commandContext(ports as unknown as StackPorts)
}
