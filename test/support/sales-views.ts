/** Shops and their sales in hourly partitions: each test has a source and a view of its own, so that none sees another's files. */
import type { RunRef } from '../../activities/steps.js'
import { entity, type FeatureRepo, featureView, lookup, parquet, t, window } from '../../core/define/index.js'
import type { OnlineStore } from '../../core/ports/online-store.js'
import type { RunInput, TickInput } from '../../core/ports/run-control.js'
import { type GivenRoots, type StepRig, startStepRig } from './step-rig.js'

const owner = 'ops'
const since = '2001-01-01T00:00:00Z'
const shop = entity('shop', { keys: { shop: t.string() }, owner, description: 'A shop' })

export interface SalesOptions {
  readonly view?: object
  readonly path?: string
  readonly timezone?: string
  readonly ready?: { readonly marker: string; readonly deadline: '2h' } | { readonly delay: '10m' }
}

function salesDefinitions(name: string, options: SalesOptions) {
  const source = parquet(name, {
    path: options.path ?? `${name}/h={yyyy-MM-dd}T{HH}/*.parquet`,
    schema: {
      at: t.timestamp(),
      shop: t.string().nullable(),
      amount: t.int64().nullable(),
      note: t.string().nullable(),
    },
    eventTime: 'at',
    timezone: options.timezone ?? 'UTC',
    ready: options.ready ?? {},
    owner,
    description: 'Sales',
  })
  const view = featureView(name, {
    ...{ version: 1, entity: shop, source, since, every: '1h', owner, description: 'Last sale', online: false },
    ttl: '24h',
    features: { amount: lookup(), note: lookup() },
    ...options.view,
  })
  return { source: source.definition, view: view.definition }
}

/** R19: sales that are delivered again, in hourly tiles. */
function redeliveredDefinitions() {
  const source = parquet('events', {
    path: 'events/h={yyyy-MM-dd}T{HH}/*.parquet',
    schema: {
      at: t.timestamp(),
      shop: t.string(),
      amount: t.int64().nullable(),
      id: t.string().nullable(),
      made: t.timestamp(),
    },
    eventTime: 'at',
    createdTime: 'made',
    visibility: 'event',
    eventId: { column: 'id', within: '2h' },
    owner,
    description: 'Redelivered sales',
  })
  const view = featureView('redelivered', {
    ...{ version: 1, entity: shop, source, since, every: '1h', tile: '1h', owner, description: 'Sums' },
    ...{ online: false, ttl: '24h', lookback: '6h' },
    features: { total: window.sum('amount', { over: '4h' }), sales: window.count({ over: '4h' }) },
  })
  return { source: source.definition, view: view.definition }
}

export interface SalesRig extends StepRig {
  /** Starts of the intervals that a tick finds due, `HH:mm`. */
  starts(view: string, now: string, options?: Partial<TickInput>): Promise<string[]>
  /** Writes a file of these SELECTs into the partition of an hour. */
  write(view: string, hours: number, file: string, ...selects: string[]): Promise<void>
  /** Plans an hour; its run. */
  planned(view: string, hours: number, id: string): Promise<RunRef>
}

export async function startSalesRig(
  views: Readonly<Record<string, SalesOptions>>,
  given: GivenRoots | null = null,
  online?: OnlineStore,
): Promise<SalesRig> {
  const all = [
    ...Object.entries(views).map(([name, options]) => salesDefinitions(name, options)),
    redeliveredDefinitions(),
  ]
  const repo: FeatureRepo = {
    project: 'test',
    entities: [shop.definition],
    sources: all.map((one) => one.source),
    views: all.map((one) => one.view),
    services: [],
  }
  const rig = await startStepRig(repo, given, online)
  return {
    ...rig,
    starts: async (view, now, options = {}) =>
      (await rig.tick(view, now, options)).due.map((interval) => interval.start.slice(11, 16)),
    write: (view, hours, file, ...selects) =>
      rig.writeFile(`${folder(view, hours)}/${file}.parquet`, selects.join(' UNION ALL ')),
    planned: async (view, hours, id) => {
      const plan = await rig.plan(hourOf(view, hours), { id })
      if (plan.kind !== 'ready') throw new Error(`not ready: ${plan.kind}`)
      return plan.run
    },
  }
}

/** So many hours and minutes after the views' since. */
export function hour(hours: number, minutes = 0): string {
  return new Date(Date.UTC(2001, 0, 1, hours, minutes)).toISOString().replace('.000Z', 'Z')
}

/** The run of one hour, as soon as it has ended. */
export function hourOf(view: string, hours: number, options: Partial<RunInput> = {}): RunInput {
  return {
    ...{ view, version: 1, kind: 'scheduled', now: hour(hours + 1) },
    interval: { start: hour(hours), end: hour(hours + 1) },
    ...options,
  }
}

/** The partition's folder. */
export function folder(view: string, hours: number): string {
  return `${view}/h=${hour(hours).slice(0, 13)}`
}

export function sale(at: string, key: string | null, amount: number | null): string {
  return `SELECT TIMESTAMP '${at.replace('Z', '')}' AS "at", ${key === null ? 'NULL::VARCHAR' : `'${key}'`} AS shop, ${amount}::BIGINT AS amount, 'n' AS note`
}

export function redelivery(hours: number, minutes: number, id: string, amount: number, madeAt: string): string {
  return `SELECT TIMESTAMP '${hour(hours, minutes).replace('Z', '')}' AS "at", 'x' AS shop, ${amount}::BIGINT AS amount, '${id}' AS id, TIMESTAMP '${madeAt.replace('Z', '')}' AS made`
}
