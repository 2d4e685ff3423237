/** Views with a ledger and a table of their own for each test, and a store that dies on the way. */
import {
  bundleFor,
  entity,
  type FeatureRepo,
  featureView,
  lookup,
  parquet,
  t,
  window,
} from '../../core/define/index.js'
import type { LedgerWriter } from '../../core/ports/ledger.js'
import type { OnlineStore, OnlineWrite, WriteOptions } from '../../core/ports/online-store.js'
import { minute } from './publish-rig.js'

export const since = '2001-01-01T00:00:00Z'
const owner = 'ops'
const airport = entity('airport', { keys: { origin: t.string() }, owner, description: 'An airport' })
const flights = parquet('flights', {
  path: 'flights/*.parquet',
  eventTime: 'at',
  schema: {
    at: t.timestamp(),
    origin: t.string(),
    delay: t.float64().nullable(),
    big: t.int64().nullable(),
    seen: t.timestamp().nullable(),
    gone: t.boolean().nullable(),
  },
  tombstone: 'gone',
  owner,
  description: 'Flights',
})
let views = 0
/** A view of its own for each test: its ledger and its table are empty. */
export function lookupBundle(ttl: '24h' | null = '24h') {
  const view = featureView(`last_${++views}`, {
    ...{ version: 1, entity: airport, source: flights, since, every: '1h', owner, description: 'Last' },
    ...(ttl === null ? {} : { ttl }),
    features: { delay: lookup(), big: lookup(), seen: lookup() },
  })
  return bundleOf(view.definition)
}
export function windowBundle(
  coarseTile: '4h' | readonly ['4h', '8h'] | null = null,
  onGap: 'block' | 'mark' = 'block',
  ttl: '24h' | null = '24h',
) {
  const view = featureView(`window_${++views}`, {
    ...{ version: 1, entity: airport, source: flights, since, every: '1h', tile: '1h', owner, description: 'Windows' },
    ...(ttl === null ? {} : { ttl }),
    coarseTile,
    onGap,
    features: {
      flights: window.count({ over: '2h' }),
      delay_sum: window.sum('delay', { over: '12h' }),
      big_max: window.max('big', { over: '2h' }),
    },
  })
  return bundleOf(view.definition)
}
function bundleOf(view: FeatureRepo['views'][number]) {
  const repo = {
    project: 'test',
    entities: [airport.definition],
    sources: [flights.definition],
    views: [view],
    services: [],
  }
  return bundleFor(repo, view)
}
export type Bundle = ReturnType<typeof bundleOf>
export const row = (bundle: Bundle, minutes: number, origin: string, delay: number | string, gone = 'NULL') =>
  `(${minute(bundle, minutes)}, '${origin}', ${delay}, ${9007199254740993n + BigInt(minutes)}, ${minute(bundle, -minutes)}, ${gone})`
export const counts = (
  touched: number,
  published: number,
  unchanged = 0,
  superseded = 0,
  takenBack = 0,
  rewritten = 0,
) => ({
  ...{ touched, published, unchanged, superseded, takenBack, rewritten },
})

/** As where two first loads were given up before: under conditions from the first publish on, where a publish can be continued. */
export function neverLoading(ledger: LedgerWriter): LedgerWriter {
  return { ...ledger, openPublish: (request) => ledger.openPublish({ ...request, firstLoadsMax: 0 }) }
}

/** Lets so many items through, then fails as a dead worker does: what was acknowledged stays, nothing is recorded. */
export class Crash extends Error {}
export function crashingAfter(store: OnlineStore, items: number): OnlineStore {
  let left = items
  const crashing =
    <Outcome>(write: (table: string, items: readonly OnlineWrite[], options?: WriteOptions) => Promise<Outcome>) =>
    async (table: string, batch: readonly OnlineWrite[], options?: WriteOptions): Promise<Outcome> => {
      const taken = batch.slice(0, left)
      left -= taken.length
      const outcomes = await write(table, taken, options)
      if (taken.length < batch.length) throw new Crash('killed')
      return outcomes
    }
  const writes = {
    putItems: crashing((...given) => store.putItems(...given)),
    loadItems: crashing((...given) => store.loadItems(...given)),
  }
  return new Proxy(store, {
    get: (target, name) =>
      name === 'putItems' || name === 'loadItems' ? writes[name] : Reflect.get(target, name).bind(target),
  })
}
