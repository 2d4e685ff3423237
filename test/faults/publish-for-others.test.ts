/** What one publish carries of others: runs that met its lease, and did not get it in time. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { OnlineStore } from '../../core/ports/online-store.js'
import { parseInstant } from '../../core/time/instant.js'
import { counts, lookupBundle, row } from '../support/publish-fixtures.js'
import { type PublishRig, startPublishRig } from '../support/publish-rig.js'

let rig: PublishRig
beforeAll(async () => {
  rig = await startPublishRig()
})
afterAll(() => rig?.stop())

test('R33: what was committed while a publish went on, and did not get the lease in time, is carried by whoever had it', async () => {
  for (const backfill of [undefined, { backfillId: 'none', rowsMax: 1 }]) {
    const bundle = lookupBundle()
    await rig.commit(bundle, 0, [row(bundle, 1, 'ATL', 1)])
    const late = rig.worker({ settings: { ...rig.deps.settings, publishWaitMs: 0 } })
    let isMet = false
    const meeting = new Proxy(rig.deps.online, {
      get(target, name) {
        if (name !== 'putEnd') return Reflect.get(target, name).bind(target)
        return async (...given: Parameters<OnlineStore['putEnd']>) => {
          if (!isMet) {
            isMet = true
            await rig.commit(bundle, 1, [row(bundle, 61, 'ATL', 2)])
            expect(await rig.publish(bundle, { workflowRunId: 'late' }, late)).toEqual({ kind: 'busy' })
          }
          return await target.putEnd(...given)
        }
      },
    })
    const holder = rig.worker({ online: meeting })
    expect(await rig.publish(bundle, backfill ? { backfill } : {}, holder)).toMatchObject({
      ...{ kind: 'finished', endAt: parseInstant('2001-01-01T02:00:00Z') },
      ...{ keyCounts: counts(2, 2), itemsWritten: 2 },
    })
    expect((await rig.read(bundle, ['ATL'])).values.delay).toBe(2)
    expect(await rig.publish(bundle)).toEqual({ kind: 'nothing' })
  }
})
