/** What a check of quality does about a committed file that nobody can compare any more, and about those that no window reaches. */
import { readFile, rename, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { repairView } from '../../activities/repair-view.js'
import { DynamoDbOnlineStore } from '../../adapters/dynamodb/dynamodb-online-store.js'
import { formatChecks } from '../../cli/quality-screen/check-text.js'
import { window } from '../../core/define/index.js'
import { encodeKey, encodeValues, valueSchemaHash } from '../../core/publish/index.js'
import type { QualityCheck } from '../../core/quality/index.js'
import { parseInstant } from '../../core/time/instant.js'
import { localCredentials, startTestDynalite } from '../support/dynalite.js'
import { columnsOf, rewriteFile } from '../support/lake-files.js'
import { tableOf } from '../support/publish-rig.js'
import { faultsOf, recordedCheck } from '../support/recorded-check.js'
import { folder, hour, hourOf, type SalesRig, sale, startSalesRig } from '../support/sales-views.js'

const sums = {
  view: {
    ...{ tile: '1h', coarseTile: '2h', online: true },
    features: { total: window.sum('amount', { over: '3h' }), sales: window.count({ over: '3h' }) },
  },
}

let rig: SalesRig
let online: DynamoDbOnlineStore
let stopDynalite: () => Promise<void>
beforeAll(async () => {
  const dynalite = await startTestDynalite()
  stopDynalite = () => dynalite.stop()
  online = new DynamoDbOnlineStore({ endpoint: dynalite.endpoint, credentials: localCredentials })
  rig = await startSalesRig({ lost: sums, older: sums }, null, online)
})
afterAll(async () => {
  await rig?.stop()
  await online?.close()
  await stopDynalite?.()
})

const sourceOf = (view: string, at: number) => rig.deps.sources.uri(`${folder(view, at)}/a.parquet`)

async function fill(view: string, hours: readonly number[]): Promise<void> {
  for (const at of hours) {
    await rig.write(view, at, 'a', sale(hour(at, 10), 'a', at + 1), sale(hour(at, 11), 'b', at + 2))
    await rig.run(hourOf(view, at))
  }
}

async function pathOf(view: string, at: number): Promise<string> {
  const interval = { start: parseInstant(hour(at)), end: parseInstant(hour(at + 1)) }
  const [commit] = await rig.deps.ledger.currentCommits({ view, version: 1 }, interval)
  return commit!.data!.path
}

/** Has the tiles of an hour say ten times as much, of all shops. */
async function corrupt(view: string, at: number): Promise<void> {
  const path = await pathOf(view, at)
  const sum = (await columnsOf(rig.deps, path)).find((name) => /sum/.test(name))!
  await rewriteFile(rig.deps, path, `* REPLACE (("${sum}" * 10) AS "${sum}")`)
}

async function putWrong(view: string, shop: string): Promise<void> {
  const bundle = await rig.deps.registry.view(view)
  const table = await tableOf(rig.deps, bundle)
  const { features } = bundle.view
  await online.putItems(table, [
    {
      ...{
        key: encodeKey(bundle.entity.keys, [shop]),
        sequence: (await online.getEnd(table))!.sequence,
        eventAt: null,
      },
      ...{ values: encodeValues(features, ['0', 0n]), schemaHash: valueSchemaHash(features), expiresAtSeconds: null },
    },
  ])
}

/** In the order of their words. */
const told = (check: QualityCheck) => faultsOf(check).map(String).sort()

const startRepair = (view: string) => rig.step(repairView, [{ view, version: 1, by: 'ann', reason: 'a test' }])

test('a file known to be wrong is no truth once its source files are gone: right items are not blamed, and no rebuild publishes it', async () => {
  await fill('lost', [0, 1, 2, 3])
  await corrupt('lost', 2)
  const rows = ['committed-file,a,02:00', 'committed-file,b,02:00']
  expect(told(await recordedCheck(rig.deps, 'lost'))).toEqual(rows)
  await rename(sourceOf('lost', 2), `${sourceOf('lost', 2)}.away`)
  for (const seed of [1, 2]) {
    const found = await recordedCheck(rig.deps, 'lost', { seed })
    expect(told(found)).toEqual(rows)
    expect(found.faults).toMatchObject([{ isRepairable: false }, { isRepairable: false }])
  }
  await rename(`${sourceOf('lost', 2)}.away`, sourceOf('lost', 2))
  await putWrong('lost', 'a')
  const all = [...rows, 'online-item,a,']
  expect(told(await recordedCheck(rig.deps, 'lost'))).toEqual(all)
  await rename(sourceOf('lost', 2), `${sourceOf('lost', 2)}.away`)
  const found = await recordedCheck(rig.deps, 'lost')
  expect(told(found)).toEqual(all)
  const started = await startRepair('lost')
  expect(started).toEqual({ reopened: [], isRebuildAsked: false, left: 3 })
  expect(formatChecks([found], [], [{ view: 'lost', version: 1, ...started, isDone: true }], '')).toContain(
    'next: put the file back from a backup',
  )
  await rename(`${sourceOf('lost', 2)}.away`, sourceOf('lost', 2))
  expect(told(await recordedCheck(rig.deps, 'lost'))).toEqual(all)
  expect(await startRepair('lost')).toMatchObject({ reopened: [{ start: hour(2) }], isRebuildAsked: true, left: 0 })
})

test('a file that no window reaches any more is compared, its fault stands as long as its commit does, and is no reason to judge no item', async () => {
  await fill('older', [0, 1, 2, 3])
  await corrupt('older', 0)
  const rows = ['committed-file,a,00:00', 'committed-file,b,00:00']
  const check = async () => told(await recordedCheck(rig.deps, 'older'))
  const first = await recordedCheck(rig.deps, 'older')
  expect(told(first)).toEqual(rows)
  expect(first.intervals).toEqual({ recomputed: 3, of: 3, older: 1 })
  await rename(sourceOf('older', 0), `${sourceOf('older', 0)}.away`)
  expect(await check()).toEqual(rows)
  await putWrong('older', 'a')
  expect(await check()).toEqual([...rows, 'online-item,a,'])
  expect(await startRepair('older')).toEqual({ reopened: [], isRebuildAsked: true, left: 2 })
  await rename(`${sourceOf('older', 0)}.away`, sourceOf('older', 0))
  expect(await check()).toEqual([...rows, 'online-item,a,'])
  expect(await startRepair('older')).toMatchObject({ reopened: [{ start: hour(0) }], left: 0 })
  await rig.run(hourOf('older', 0, { kind: 'manual' }))
  const file = rig.deps.lake.uri(await pathOf('older', 0))
  expect(await check()).toEqual([])

  const bytes = await readFile(file)
  await writeFile(file, 'not parquet any more')
  for (let times = 0; times < 2; times++) expect(await check()).toEqual(['committed-file,,00:00'])
  await putWrong('older', 'b')
  expect(await check()).toEqual(['committed-file,,00:00', 'online-item,b,'])
  await writeFile(file, bytes)
})
