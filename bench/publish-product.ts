/** The product's own write path, from a recorded delta file to acknowledged items, on real parts. */
import type { ActivityDeps } from '../activities/activity-deps.js'
import type { Delta } from '../activities/publish-delta.js'
import { PublishLease } from '../activities/publish-lease.js'
import { writeDelta } from '../activities/publish-write.js'
import { bundleFor, entity, featureView, lookup, parquet, t } from '../core/define/index.js'
import type { Publish } from '../core/ports/ledger.js'
import { encodeKey, encodeValues, publishedColumns, publishedPath, writeDeltaSql } from '../core/publish/index.js'
import type { OnlineItem } from '../core/publish/online-item.js'

const owner = 'bench'
const driver = entity('driver', { keys: { driver: t.string() }, owner, description: 'A driver' })
const number = () => t.float64().nullable()
const five = { a: number(), b: number(), c: number(), d: number(), e: number() }
const ten = { ...five, f: number(), g: number(), h: number(), i: number(), j: number() }
const names = Object.keys(ten)
const trips = parquet('trips', {
  path: 'trips/*.parquet',
  eventTime: 'at',
  schema: { at: t.timestamp(), driver: t.string(), ...ten },
  owner,
  description: 'Trips',
})
const view = featureView('bench_publish', {
  ...{ version: 1, entity: driver, source: trips, since: '2001-01-01T00:00:00Z', every: '1h', owner },
  description: 'Ten features of a driver',
  features: {
    ...{ a: lookup(), b: lookup(), c: lookup(), d: lookup(), e: lookup() },
    ...{ f: lookup(), g: lookup(), h: lookup(), i: lookup(), j: lookup() },
  },
})
/** Ten floating-point features of one string key. */
export const bundle = bundleFor(
  {
    ...{ project: 'bench', entities: [driver.definition], sources: [trips.definition] },
    ...{ views: [view.definition], services: [] },
  },
  view.definition,
)
const columns = publishedColumns(bundle)
const eventAt = 978_310_800_000_000_000n

/** The items of one publish as the product encodes them: what the bare loop is given. */
export function itemsOf(rows: number, sequence: bigint): OnlineItem[] {
  return Array.from({ length: rows }, (_, row) => ({
    key: encodeKey(bundle.entity.keys, [driverName(row)]),
    ...{ sequence, eventAt, schemaHash: columns.schemaHash, expiresAtSeconds: null },
    values: encodeValues(
      bundle.view.features,
      names.map((_, index) => row + index + Number(sequence) / 7),
    ),
  }))
}

/** Records the delta of one publish now; what it returns writes it, and is what is measured. */
export async function prepareProduct(
  deps: ActivityDeps,
  given: { readonly table: string; readonly rows: number; readonly sequence: bigint; readonly isFirstLoad: boolean },
): Promise<() => Promise<void>> {
  const { rows, sequence, table } = given
  const publish: Publish = {
    ...{ view: bundle.view.name, version: 1, sequence, owner: `bench-${sequence}`, table, endAt: eventAt },
    ...{ missing: [], covered: [], replaced: [], current: [], coarse: [], unfinished: [] },
    ...{ published: null, recorded: null, abandonedTables: [] },
    isFirstLoad: given.isFirstLoad,
  }
  const path = publishedPath(bundle.view, 'delta', publish)
  await deps.lake.prepareWrite(path)
  const features = columns.features.map(({ alias }, index) => `n + ${index} + ${sequence} / 7 AS ${alias}`)
  await deps.engine.withSession(async (session) => {
    await session.execute({
      sql: `CREATE TEMP VIEW classified AS SELECT 'driver ' || lpad(CAST(n AS VARCHAR), 8, '0') AS k0, ${features.join(', ')},
        CAST(${eventAt} AS DECIMAL(38,0)) AS event_ns, false AS is_empty, ${given.isFirstLoad} AS is_new, CAST('' AS BLOB) AS digest,
        true AS is_different, false AS is_unfinished FROM range(${rows}) r(n)`,
    })
    await session.execute({ sql: writeDeltaSql(columns, sequence, deps.lake.uri(path), '{}') })
  })
  const counts = { touched: rows, published: rows, unchanged: 0, superseded: 0, takenBack: 0, rewritten: 0 }
  const delta: Delta = { file: { path, digest: '', keys: rows }, counts, isRebuilt: false }
  return async () => {
    const lease = new PublishLease(deps, publish, deps.clock.monotonicMs())
    const { signal } = new AbortController()
    const context = { deps, bundle, columns, publish, isCacheUsable: false }
    const progress = { from: 0, signal, by: 'scheduled', heartbeat: () => {} } as const
    const { result, itemsWritten } = await writeDelta(context, delta, lease, progress)
    lease.stop()
    if (result !== 'ok' || itemsWritten !== rows) throw new Error(`${result}: ${itemsWritten} of ${rows} items written`)
  }
}

function driverName(row: number): string {
  return `driver ${String(row).padStart(8, '0')}`
}
