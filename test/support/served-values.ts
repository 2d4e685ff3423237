/** A project with something online to read: a view with a feature of every type, a window view, and a service of both. */
import type { DynamoDbOnlineStore } from '../../adapters/dynamodb/dynamodb-online-store.js'
import { bundleFor } from '../../core/define/bundle.js'
import type { FeatureRepo, ViewBundle } from '../../core/define/definitions.js'
import { entity, featureService, featureView, lookup, parquet, t, window } from '../../core/define/index.js'
import { encodeKey, encodeValues, onlineTableName, valueSchemaHash } from '../../core/publish/index.js'
import { parseInstant } from '../../core/time/instant.js'

export const servedNow = '2001-01-31T13:00:00Z'
/** Beyond what a JSON number holds. */
export const bigId = 9_007_199_254_740_993n

const documented = { owner: 'shop', description: 'said' } as const
const account = entity('account', { keys: { id: t.int64() }, ...documented })
const shop = entity('shop', { keys: { id: t.int64(), region: t.string() }, ...documented })
const columns = {
  tiny: t.int32().nullable(),
  big: t.int64().nullable(),
  price: t.decimal(38, 2).nullable(),
  ratio: t.float64().nullable(),
  at_ns: t.timestamp().nullable(),
  day: t.date().nullable(),
  text: t.string().nullable(),
  flag: t.boolean().nullable(),
  blob: t.binary().nullable(),
}
const source = parquet('events', {
  ...documented,
  path: 'events/*.parquet',
  eventTime: 'ts',
  schema: { ts: t.timestamp(), id: t.int64(), region: t.string(), ...columns },
})
const shared = { source, version: 1, since: '2001-01-01T00:00:00Z', every: '1h', ...documented } as const
const everyType = featureView('every_type', {
  ...shared,
  entity: account,
  ttl: '2h',
  features: {
    tiny: lookup(),
    big: lookup(),
    price: lookup(),
    ratio: lookup(),
    at_ns: lookup(),
    day: lookup(),
    text: lookup(),
    flag: lookup(),
    blob: lookup(),
  },
})
const sales = featureView('sales', {
  ...shared,
  entity: shop,
  onGap: 'mark',
  features: { events_1h: window.count({ over: '1h' }), big_1h: window.sum('big', { over: '1h' }) },
})
const never = featureView('never', { ...shared, entity: account, features: { text: lookup() } })
const model = featureService('model', {
  ...documented,
  version: 3,
  features: [sales.pick('big_1h'), everyType.pick('tiny', 'big')],
})

export function servedRepo(project: string): FeatureRepo {
  return {
    project,
    entities: [account.definition, shop.definition],
    sources: [source.definition],
    views: [everyType.definition, sales.definition, never.definition],
    services: [model.definition],
  }
}

/** In the order of the features of `every_type`. */
export const fullRow = [
  ...[7n, bigId, '12345678901234567890123456789012345.50', -0],
  ...[parseInstant(servedNow) + 1n, '2001-01-31', 'ümlaut', false, Uint8Array.of(0, 255)],
]
export const fullRowJson = {
  ...{ every_type__tiny: 7, every_type__big: '9007199254740993' },
  ...{ every_type__price: '12345678901234567890123456789012345.50', every_type__ratio: '-0' },
  ...{ every_type__at_ns: '2001-01-31T13:00:00.000000001Z', every_type__day: '2001-01-31' },
  ...{ every_type__text: 'ümlaut', every_type__flag: false, every_type__blob: 'AP8=' },
}

/** Accounts: the big id has a full row, 1 a row of nulls, 2 an old row, 3 an empty item; shop (1, west) has sold. */
export async function publishServedValues(online: DynamoDbOnlineStore, project: string): Promise<void> {
  const repo = servedRepo(project)
  const item = (
    bundle: ViewBundle,
    key: readonly unknown[],
    values: readonly unknown[] | null,
    eventAt: string | null,
  ) => ({
    key: encodeKey(bundle.entity.keys, key),
    sequence: 1n,
    eventAt: eventAt === null ? null : parseInstant(eventAt),
    values: values === null ? null : encodeValues(bundle.view.features, values),
    schemaHash: valueSchemaHash(bundle.view.features),
    expiresAtSeconds: null,
  })
  const types = bundleFor(repo, 'every_type')
  const windows = bundleFor(repo, 'sales')
  const [typesTable, windowsTable] = [onlineTableName(project, 'every_type', 1), onlineTableName(project, 'sales', 1)]
  for (const table of [typesTable, windowsTable]) await online.ensureTable(table)
  const nulls = fullRow.map(() => null)
  await online.putItems(typesTable, [
    item(types, [bigId], fullRow, '2001-01-31T12:30:00Z'),
    item(types, [1n], nulls, '2001-01-31T12:30:00Z'),
    item(types, [2n], fullRow, '2001-01-31T10:59:59Z'),
    item(types, [3n], null, '2001-01-31T12:30:00Z'),
  ])
  await online.putItems(windowsTable, [item(windows, [1n, 'west'], [3n, '9007199254740993'], null)])
  await online.putEnd(typesTable, { sequence: 1n, endAt: parseInstant(servedNow), missing: [] })
  const missing = [{ start: '2001-01-31T11:00:00Z', end: '2001-01-31T12:00:00Z' }]
  await online.putEnd(windowsTable, { sequence: 1n, endAt: parseInstant(servedNow), missing })
}
