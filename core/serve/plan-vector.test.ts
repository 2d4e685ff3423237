import { describe, expect, test } from 'vitest'
import { bundleFor, entity, featureService, featureView, lookup, parquet, t, window } from '../define/index.js'
import { planVector } from './plan-vector.js'
import type { ServingDefinitions } from './serving-definitions.js'

const documented = { owner: 'ops', description: 'said' } as const
const airport = entity('airport', { keys: { origin: t.string() }, ...documented })
const route = entity('route', { keys: { origin: t.string(), flight: t.int64() }, ...documented })
const flights = parquet('flights', {
  ...documented,
  path: 'flights/*.parquet',
  eventTime: 'at',
  schema: { at: t.timestamp(), origin: t.string(), flight: t.int64(), delay: t.int64().nullable() },
})
const shared = { source: flights, since: '2001-01-01T00:00:00Z', every: '1h', ...documented } as const
const busyAt = <Version extends number>(version: Version) =>
  featureView('busy', {
    ...shared,
    version,
    entity: airport,
    features: { flights_1h: window.count({ over: '1h' }), delay_1h: window.max('delay', { over: '1h' }) },
  })
const busy = busyAt(1)
const busier = busyAt(2)
const last = featureView('last', { ...shared, version: 1, entity: route, features: { delay: lookup() } })
const model = featureService('model', { ...documented, version: 1, features: [last.all(), busy.pick('delay_1h')] })
const newerModel = featureService('model', { ...documented, version: 2, features: [busier.all()] })

const repo = {
  project: 'p',
  entities: [airport.definition, route.definition],
  sources: [flights.definition],
  services: [],
}
const bundleOf = (view: typeof busy.definition) => bundleFor({ ...repo, views: [view] }, view)
const definitions: ServingDefinitions = {
  project: 'p',
  revision: 2,
  views: [
    { definition: bundleOf(busy.definition), isApplied: false },
    { definition: bundleOf(busier.definition), isApplied: true },
    { definition: bundleOf(last.definition), isApplied: true },
  ],
  services: [
    { definition: model.definition, isApplied: false },
    { definition: newerModel.definition, isApplied: true },
  ],
}
const tables = (asked: string) => planVector(definitions, asked).parts.map(({ table }) => table)

describe('which version is meant', () => {
  test('R36: a version is read where its first load put it', () => {
    const [first, ...others] = definitions.views
    const loaded = { ...definitions, views: [{ ...first!, table: 'millcourse.p.busy.v1.s7' }, ...others] }
    expect(planVector(loaded, 'busy@v1').parts[0]?.table).toBe('millcourse.p.busy.v1.s7')
    expect(planVector(loaded, 'busy').parts[0]?.table).toBe('millcourse.p.busy.v2')
  })

  test('the applied one, unless another is asked for', () => {
    expect(tables('busy')).toEqual(['millcourse.p.busy.v2'])
    expect(tables('busy@v1')).toEqual(['millcourse.p.busy.v1'])
    expect(planVector(definitions, 'model').version).toBe(2)
  })

  test('after going back, the applied one is older than the retired', () => {
    const back = { ...definitions, views: definitions.views.map((one) => ({ ...one, isApplied: !one.isApplied })) }
    expect(planVector(back, 'busy').version).toBe(1)
  })

  test('a retired service reads the versions of the views that it was made for', () => {
    expect(tables('model@v1')).toEqual(['millcourse.p.last.v1', 'millcourse.p.busy.v1'])
  })
})

describe('a vector', () => {
  test('R14: has its features in the order of the service, under the names of a training set', () => {
    const plan = planVector(definitions, 'model@v1')
    expect(plan.features.map(({ name, part }) => [name, part])).toEqual([
      ['last__delay', 0],
      ['busy__delay_1h', 1],
    ])
    expect(plan.keys.map(({ name, kind }) => [name, kind])).toEqual([
      ['origin', 'string'],
      ['flight', 'int64'],
    ])
  })

  test('of some features reads only their views, and needs only their keys', () => {
    const plan = planVector(definitions, 'model@v1', ['busy__delay_1h'])
    expect(plan).toMatchObject({
      features: [{ feature: 'delay_1h', part: 0 }],
      parts: [{ table: 'millcourse.p.busy.v1' }],
    })
    expect(plan.keys.map(({ name }) => name)).toEqual(['origin'])
  })
})

describe('what is not there is refused with what is', () => {
  test.each([
    ['lost', undefined, 'REGISTRY_UNKNOWN_VIEW', 'views are busy, last; services are model'],
    ['busy@v3', undefined, 'REGISTRY_UNKNOWN_VIEW', 'views are busy, last; services are model'],
    ['busy', ['delay_2h'], 'REGISTRY_UNKNOWN_FEATURE', 'its features are busy__flights_1h, busy__delay_1h'],
  ])('%s %s', (asked, wanted, code, hint) => {
    expect(() => planVector(definitions, asked, wanted)).toThrowError(
      expect.objectContaining({ code, detail: expect.objectContaining({ hint }) }),
    )
  })

  test('before anything is applied, the hint says how', () => {
    const nothing = { project: 'p', revision: 0, views: [], services: [] }
    expect(() => planVector(nothing, 'busy')).toThrowError(
      expect.objectContaining({
        detail: expect.objectContaining({ hint: expect.stringContaining('millcourse apply') }),
      }),
    )
  })

  test.each([
    ['busy', ['delay_1h', 'delay_1h']],
    ['busy', ['delay_1h', 'busy__delay_1h']],
  ])('a feature of %s asked for twice: %j', (asked, wanted) => {
    expect(() => planVector(definitions, asked, wanted)).toThrowError(
      expect.objectContaining({
        code: 'SERVE_REQUEST_INVALID',
        message: 'feature "busy__delay_1h" is asked for twice',
      }),
    )
  })
})
