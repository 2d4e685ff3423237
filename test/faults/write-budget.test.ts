/** The write budget in force: two workers publish at once, into one DynamoDB endpoint, by one bucket in Postgres. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { OnlineStore } from '../../core/ports/online-store.js'
import { lookupBundle, row } from '../support/publish-fixtures.js'
import { type PublishRig, startPublishRig } from '../support/publish-rig.js'

let rig: PublishRig
beforeAll(async () => {
  rig = await startPublishRig()
})
afterAll(() => rig?.stop())

test('two workers write no more than the budget allows together, what is scheduled before what is a backfill’s', async () => {
  const unitsPerSecond = 100
  const keys = 2 * unitsPerSecond
  const settings = { ...rig.deps.settings, publishPartItems: 1_000, writeUnitsPerSecond: unitsPerSecond }
  const writes: { readonly view: string; readonly items: number; readonly atMs: number }[] = []
  const publishing = async (backfill?: { readonly backfillId: string; readonly rowsMax: number }) => {
    const bundle = lookupBundle()
    await rig.commit(
      bundle,
      0,
      Array.from({ length: keys }, (_, index) => row(bundle, 1, `K${index}`, index)),
    )
    const online = telling(rig.deps.online, (items) =>
      writes.push({ view: bundle.view.name, items, atMs: performance.now() }),
    )
    const publish = () => rig.publish(bundle, backfill ? { backfill } : {}, rig.worker({ online, settings }))
    return { publish, view: bundle.view.name }
  }
  const [backfilled, scheduled] = [await publishing({ backfillId: 'b', rowsMax: 1_000 }), await publishing()]
  // Another scheduled publish is at it: neither begins to write before both have asked, on any machine that is not much too slow.
  const other = { units: 3 * unitsPerSecond, unitsPerSecond, by: 'scheduled', isMore: true } as const
  await rig.deps.ledger.takeWriteUnits({ ...other, throttledMsAgo: null, waitedMs: 0 })
  const outcomes = await Promise.all([backfilled, scheduled].map(({ publish }) => publish()))
  expect(outcomes).toMatchObject([{ itemsWritten: keys }, { itemsWritten: keys }])
  const [first, last] = [writes[0]!, writes.at(-1)!]
  expect(last.view).toBe(backfilled.view)
  // Half a second's units each half minute, no more, while the scheduled one is at it.
  const mine = writes.filter(({ view }) => view === scheduled.view)
  const beside = writes
    .slice(writes.indexOf(mine[0]!), writes.indexOf(mine.at(-1)!))
    .filter((one) => !mine.includes(one))
  expect(beside.reduce((sum, { items }) => sum + items, 0)).toBeLessThanOrEqual(unitsPerSecond / 2)
  // What was granted together is written together: a second's units at first, and a second's at last.
  expect(2 * keys).toBeLessThanOrEqual(unitsPerSecond * ((last.atMs - first.atMs) / 1_000 + 2))
})

/** Passes all on, and tells of each write. */
function telling(online: OnlineStore, onWrite: (items: number) => void): OnlineStore {
  return new Proxy(online, {
    get: (target, name) => {
      const method = Reflect.get(target, name).bind(target)
      if (name !== 'loadItems' && name !== 'putItems') return method
      return (table: string, items: readonly object[], options: object) => {
        onWrite(items.length)
        return method(table, items, options)
      }
    },
  })
}
