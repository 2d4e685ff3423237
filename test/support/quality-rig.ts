/** Sales that are run, published and checked: corrupted on purpose, and repaired as `--repair` has it done. */
import { expect } from 'vitest'
import { publishOnline } from '../../activities/publish-online.js'
import { repairView } from '../../activities/repair-view.js'
import type { DynamoDbOnlineStore } from '../../adapters/dynamodb/dynamodb-online-store.js'
import type { ViewBundle } from '../../core/define/index.js'
import type { Commit } from '../../core/ports/ledger.js'
import type { RepairStarted } from '../../core/ports/run-control.js'
import { encodeKey, encodeValues, valueSchemaHash } from '../../core/publish/index.js'
import { parseInstant } from '../../core/time/instant.js'
import { startTestOnline } from './dynalite.js'
import { rewriteFile } from './lake-files.js'
import { tableOf } from './publish-rig.js'
import { faultsOf, recordedCheck } from './recorded-check.js'
import { hour, hourOf, type SalesOptions, type SalesRig, sale, startSalesRig } from './sales-views.js'

export interface QualityRig {
  readonly rig: SalesRig
  readonly online: DynamoDbOnlineStore
  bundleOf(view: string): Promise<ViewBundle>
  /** Sales of five shops in these hours, else in four, run and published. */
  fill(view: string, hours?: readonly number[]): Promise<void>
  /** Of an hour, that counts now. */
  commitOf(view: string, at: number): Promise<Commit>
  /** Has a committed file hold what this SELECT makes of it, as if its run had written it so. */
  rewrite(path: string, select: string): Promise<void>
  /** An item as no publish wrote it, so far above the sequence of the last one; null: without values. */
  put(view: string, shop: string, values: readonly unknown[] | Uint8Array | null, above?: bigint): Promise<void>
  /** As `--repair` does, by hand: what it has re-opened runs, then what is to be published is. */
  repair(view: string): Promise<RepairStarted>
  publishNow(view: string, why: string): Promise<void>
  /** Nothing is at fault, and no rebuild awaited. */
  expectRepaired(view: string): Promise<void>
  stop(): Promise<void>
}

export async function startQualityRig(views: Readonly<Record<string, SalesOptions>>): Promise<QualityRig> {
  const { store: online, stop: stopOnline } = await startTestOnline()
  const rig = await startSalesRig(views, null, online).catch(async (error: unknown) => {
    await stopOnline()
    throw error
  })
  const { signal } = new AbortController()
  const bundleOf = (view: string) => rig.deps.registry.view(view)
  const publishNow = async (view: string, why: string) => {
    await publishOnline(rig.deps, await bundleOf(view), {
      ...{ workflowRunId: `${why}-${view}`, attempt: 1, signal, cursor: null, heartbeat() {} },
    })
  }
  return {
    ...{ rig, online, bundleOf, publishNow },
    async fill(view, hours = [0, 1, 2, 3]) {
      for (const at of hours) {
        const rows = ['a', 'b', 'c', 'd', 'e'].map((shop, index) => sale(hour(at, 10 + index), shop, at * 10 + index))
        await rig.write(view, at, 'a', ...rows)
        await rig.run(hourOf(view, at))
      }
    },
    async commitOf(view, at) {
      const interval = { start: parseInstant(hour(at)), end: parseInstant(hour(at + 1)) }
      return (await rig.deps.ledger.currentCommits({ view, version: 1 }, interval))[0]!
    },
    async rewrite(path, select) {
      await rewriteFile(rig.deps, path, select)
      await rig.commitAsIs(path)
    },
    async put(view, shop, values, above = 0n) {
      const bundle = await bundleOf(view)
      const table = await tableOf(rig.deps, bundle)
      const { features } = bundle.view
      const end = (await online.getEnd(table))!
      const isBytes = values instanceof Uint8Array
      const outcomes = await online.putItems(table, [
        {
          key: encodeKey(bundle.entity.keys, [shop]),
          sequence: end.sequence + above,
          eventAt: bundle.view.viewKind === 'lookup' ? parseInstant(hour(3, 10)) : null,
          values: values === null ? null : isBytes ? values : encodeValues(features, values),
          schemaHash: valueSchemaHash(features),
          expiresAtSeconds: null,
        },
      ])
      expect(outcomes).toEqual(['written'])
    },
    async repair(view) {
      const done = await rig.step(repairView, [{ view, version: 1, by: 'ann', reason: 'a test' }])
      const runs = { version: 1, only: done.reopened, runsMax: done.reopened.length }
      for (const interval of (await rig.tick(view, hour(4), runs)).due)
        await rig.run({ view, version: 1, interval, kind: 'manual', now: hour(4) })
      const { isPublishDue } = await rig.tick(view, hour(4))
      if (isPublishDue) await publishNow(view, 'repair')
      return done
    },
    async expectRepaired(view) {
      for (const seed of [1, 2]) expect(faultsOf(await recordedCheck(rig.deps, view, { seed }))).toEqual([])
      expect(await rig.deps.ledger.isRebuildAsked({ view, version: 1 })).toBe(false)
    },
    async stop() {
      await rig.stop()
      await stopOnline()
    },
  }
}
