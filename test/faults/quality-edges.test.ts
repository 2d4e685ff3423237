/** What a repair meets while something else goes on: a run that still plans, a file that holds its rebuild, an item of a sequence that nobody drew. */
import { rename, rm, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { repairView } from '../../activities/repair-view.js'
import { window } from '../../core/define/index.js'
import { decodeValues, encodeKey } from '../../core/publish/index.js'
import { parseInstant } from '../../core/time/instant.js'
import { columnsOf } from '../support/lake-files.js'
import { tableOf } from '../support/publish-rig.js'
import { type QualityRig, startQualityRig } from '../support/quality-rig.js'
import { faultsOf, recordedCheck } from '../support/recorded-check.js'
import { folder, hour, hourOf, sale } from '../support/sales-views.js'

const sums = {
  ...{ tile: '1h', coarseTile: '2h', online: true },
  features: { total: window.sum('amount', { over: '3h' }), sales: window.count({ over: '3h' }) },
}

let quality: QualityRig
beforeAll(async () => {
  const lookups = ['planning', 'undrawn', 'usual'].map((name) => [name, { view: { online: true } }])
  const windows = ['wrong', 'gone'].map((name) => [name, { view: sums }])
  quality = await startQualityRig(Object.fromEntries([...lookups, ...windows]))
})
afterAll(() => quality?.stop())

const check = (view: string, sample = 30) => recordedCheck(quality.rig.deps, view, { seed: 1, sample })
const startRepair = (view: string) => quality.rig.step(repairView, [{ view, version: 1, by: 'ann', reason: 'a test' }])
const all = { start: parseInstant(hour(0)), end: parseInstant(hour(5)) }

async function shownOf(view: string, shop: string) {
  const bundle = await quality.bundleOf(view)
  const key = encodeKey(bundle.entity.keys, [shop])
  const [item] = await quality.online.getItems(await tableOf(quality.rig.deps, bundle), [key])
  return decodeValues(bundle.view.features, item!.values!, item!.schemaHash)
}

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

/** Nobody can make the hour's file again: no rebuild is made while windows reach it. */
async function ruinForGood(view: string, at: number): Promise<void> {
  const { rig } = quality
  const { data } = await quality.commitOf(view, at)
  await writeFile(rig.deps.lake.uri(data!.path), 'not parquet any more')
  const source = rig.deps.sources.uri(`${folder(view, at)}/a.parquet`)
  await rename(source, `${source}.away`)
}

async function coarseTileOf(view: string): Promise<string> {
  const tiles = await quality.rig.deps.ledger.coarseTiles({ view, version: 1 }, all)
  return tiles.findLast(({ data }) => data)!.data!.path
}

/** Sales of the hours two to four. */
async function nextHour(view: string) {
  await quality.rig.write(view, 4, 'a', sale(hour(4, 10), 'a', 40))
  const { outcome } = await quality.rig.run(hourOf(view, 4))
  return [outcome, await shownOf(view, 'a')]
}

test('a coarse tile at fault is read no more, also where an unrelated file holds the rebuild', async () => {
  const { rig } = quality
  for (const view of ['wrong', 'gone']) await quality.fill(view)
  const path = await coarseTileOf('wrong')
  const sum = (await columnsOf(rig.deps, path)).find((name) => /sum/.test(name))!
  await quality.rewrite(path, `* REPLACE (("${sum}" + 500) AS "${sum}")`)
  await rm(rig.deps.lake.uri(await coarseTileOf('gone')))
  for (const view of ['wrong', 'gone']) {
    expect(new Set((await check(view)).faults.map(({ cause }) => cause))).toEqual(new Set(['coarse-tile']))
    await ruinForGood(view, 1)
    const { faults, holdsRebuild } = await check(view)
    expect([new Set(faults.map(({ cause }) => cause)), holdsRebuild]).toEqual([
      new Set(['committed-file', 'coarse-tile']),
      true,
    ])
    expect(await startRepair(view)).toMatchObject({ reopened: [], isRebuildAsked: false })
    expect(await nextHour(view)).toEqual(['done', ['90', 3n]])
  }
})

test('R36: a rebuild draws a sequence above that of an item which no check has drawn, and is done', async () => {
  await quality.fill('undrawn')
  const key = { view: 'undrawn', version: 1 }
  await quality.put('undrawn', 'b', [7n, 'n'], 1_000n)
  expect(await quality.rig.deps.ledger.askRebuild(key, 0n)).toBe(true)
  await quality.publishNow('undrawn', 'rebuild')
  expect(await quality.rig.deps.ledger.isRebuildAsked(key)).toBe(false)
  expect(await shownOf('undrawn', 'b')).toEqual([31n, 'n'])
  await quality.expectRepaired('undrawn')
})

test('R36: any other publish is refused by it, as by that of a restored ledger', async () => {
  await quality.fill('usual')
  await quality.put('usual', 'b', [7n, 'n'], 1_000n)
  const { rig } = quality
  await rig.write('usual', 4, 'a', sale(hour(4, 10), 'b', 40))
  await rig.run(hourOf('usual', 4))
  expect(await shownOf('usual', 'b')).toEqual([7n, 'n'])
  const { shown, lastSequence } = (await rig.deps.ledger.shownState({ view: 'usual', version: 1 }))!
  expect([shown!.endAt, lastSequence < 100n]).toEqual([parseInstant(hour(4)), true])
})
