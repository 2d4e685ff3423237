import { describe, expect, test } from 'vitest'
import {
  breakingChanges,
  bundleFor,
  definitionHash,
  diffRepos,
  entity,
  type FeatureRepo,
  featureService,
  featureView,
  lookup,
  parquet,
  t,
  validateRepo,
  window,
} from './index.js'

interface Variant {
  readonly key?: 'int32' | 'string'
  readonly source?: object
  readonly columns?: 'appended' | 'inserted' | 'nullable'
  readonly view?: object
  readonly features?: object
  readonly serviceVersion?: number
}

/** One small repo; a variant is what a team might change in it. */
function repo(variant: Variant = {}): FeatureRepo {
  const user = entity('user', { keys: { id: t[variant.key ?? 'int64']() } })
  const note = { note: t.string() }
  const orders = parquet('orders', {
    path: 'orders/*.parquet',
    eventTime: 'ts',
    schema: {
      ts: t.timestamp(),
      id: t[variant.key ?? 'int64'](),
      ...(variant.columns === 'inserted' ? note : {}),
      amount: variant.columns === 'nullable' ? t.float64().nullable() : t.float64(),
      ...(variant.columns === 'appended' ? note : {}),
    },
    owner: 'shop',
    ...variant.source,
  } as never)
  const spend = featureView('spend', {
    version: 1,
    entity: user,
    source: orders,
    since: '2001-01-01T00:00:00Z',
    every: '1h',
    features: { n: window.count({ over: '24h' }), avg: window.avg('amount', { over: '24h' }), ...variant.features },
    ...variant.view,
  } as never)
  const model = featureService('model', { version: variant.serviceVersion ?? 1, features: [spend.pick('n', 'avg')] })
  return {
    project: 'shop',
    entities: [user.definition],
    sources: [orders.definition],
    views: [spend.definition],
    services: [model.definition],
  }
}

const hashOf = (one: FeatureRepo) => bundleFor(one, 'spend').definitionHash
const viewChange = (variant: Variant) => diffRepos(repo(), repo(variant)).find((change) => change.object === 'view')

/** Each: a change, what decides values about it. */
const decisive: [string, Variant][] = [
  ['the key type', { key: 'int32' }],
  ['the path of the source', { source: { path: 'elsewhere/*.parquet' } }],
  ['R10: the time zone of the source', { source: { timezone: 'America/New_York' } }],
  ['R3: a column before one that is read', { columns: 'inserted' }],
  ['R2: the ttl', { view: { ttl: '24h' } }],
  ['R9: the tile', { view: { tile: '30m' } }],
  ['the interval', { view: { every: '2h', tile: '1h' } }],
  ['R30: the publishing lag', { view: { lag: '5m' } }],
  ['the grid of intervals', { view: { since: '2000-12-31T23:30:00Z', tile: '30m' } }],
  ['a window', { features: { avg: window.avg('amount', { over: '7d' }) } }],
  ['an aggregate', { features: { avg: window.max('amount', { over: '24h' }) } }],
  ['a feature more', { features: { total: window.sum('amount', { over: '24h' }) } }],
]
const harmless: [string, 'additive' | 'metadata', Variant][] = [
  ['owner', 'metadata', { view: { owner: 'growth' } }],
  ['description', 'metadata', { view: { description: 'What a user spends' } }],
  ['tags', 'metadata', { view: { tags: { pii: true } } }],
  ['checks', 'additive', { view: { checks: { rows: { min: 1 } } } }],
  ['SLA', 'additive', { view: { sla: { freshness: '2h' } } }],
  ['a budget', 'additive', { view: { budget: { writeUnitsPerDay: 1_000 } } }],
  ['lookback', 'additive', { view: { lookback: '24h' } }],
  ['online', 'additive', { view: { online: false } }],
  ['R32: onGap', 'additive', { view: { onGap: 'mark' } }],
  ['R9: the coarse tile', 'additive', { view: { coarseTile: '6h' } }],
  ['more history', 'additive', { view: { since: '2000-01-01T00:00:00Z' } }],
]

describe('definitionHash', () => {
  test.each(decisive)('changes with %s', (_, variant) => {
    expect(hashOf(repo(variant))).not.toBe(hashOf(repo()))
  })

  test.each(harmless)('is the same for another %s', (_, __, variant) => {
    expect(hashOf(repo(variant))).toBe(hashOf(repo()))
  })

  test('R3: is the same when the source grows at its end, may have nulls, or is ready by another rule', () => {
    expect(hashOf(repo({ columns: 'appended' }))).toBe(hashOf(repo()))
    expect(hashOf(repo({ columns: 'nullable' }))).toBe(hashOf(repo()))
    expect(hashOf(repo({ source: { ready: { delay: '5m' } } }))).toBe(hashOf(repo()))
  })

  test('changes with the version', () => {
    expect(hashOf(repo({ view: { version: 2 } }))).not.toBe(hashOf(repo()))
  })

  test('stays what it was in earlier releases: another one would ask every team for new versions', () => {
    expect(definitionHash(bundleFor(repo(), 'spend'))).toBe(
      '7df8f57566b3619c4b25c8c321b84fb3cb5504cc82f43102d30fdbf8be1204e8',
    )
  })
})

describe('diffRepos', () => {
  test('finds nothing in the same definitions', () => {
    expect(diffRepos(repo(), repo())).toEqual([])
  })

  test('shows everything as added where nothing was applied', () => {
    expect(
      diffRepos(null, repo()).map((change) => `${change.object} ${change.name} ${change.kind} ${change.level}`),
    ).toEqual([
      'entity user added additive',
      'source orders added additive',
      'view spend added additive',
      'service model added additive',
    ])
  })

  test('shows what was removed', () => {
    const after = { ...repo(), services: [] }
    expect(diffRepos(repo(), after)).toEqual([
      { object: 'service', name: 'model', kind: 'removed', level: 'breaking', fields: [] },
    ])
  })

  test.each(decisive)('calls a change of %s breaking', (_, variant) => {
    expect(viewChange(variant)).toMatchObject({ kind: 'changed', level: 'breaking' })
  })

  test.each(harmless)('calls a change of %s %s', (_, level, variant) => {
    expect(viewChange(variant)).toMatchObject({ kind: 'changed', level })
  })

  test('calls less history breaking', () => {
    expect(viewChange({ view: { since: '2001-06-01T00:00:00Z' } })).toMatchObject({ level: 'breaking' })
  })

  test('names the fields, by feature and by what the view is built from', () => {
    const variant: Variant = {
      source: { path: 'elsewhere/*.parquet' },
      features: { avg: window.avg('amount', { over: '7d' }) },
      view: { owner: 'growth' },
    }
    expect(viewChange(variant)?.fields).toEqual([
      { path: 'features.avg.over', before: '1d', after: '7d', level: 'breaking' },
      { path: 'source.path', before: 'orders/*.parquet', after: 'elsewhere/*.parquet', level: 'breaking' },
      { path: 'coarseTile', before: null, after: '1d', level: 'additive' },
      { path: 'owner', before: null, after: 'growth', level: 'metadata' },
    ])
  })

  test('says of a source whether it grew or changed', () => {
    const sourceChange = (variant: Variant) => diffRepos(repo(), repo(variant)).filter((one) => one.object === 'source')
    expect(sourceChange({ columns: 'appended' })).toMatchObject([
      { level: 'additive', fields: [{ path: 'schema.note', before: null }] },
    ])
    expect(sourceChange({ columns: 'nullable' })).toMatchObject([
      { level: 'additive', fields: [{ path: 'schema.amount.nullable', after: true }] },
    ])
    expect(sourceChange({ columns: 'inserted' })).toMatchObject([{ level: 'breaking' }])
  })

  test('shows a new version as made beside the old one', () => {
    expect(viewChange({ view: { version: 2, ttl: '24h' } })).toMatchObject({ kind: 'new-version', level: 'additive' })
  })
})

describe('breakingChanges', () => {
  test('refuses a breaking change without a new version, and says which version to take', () => {
    const [error, ...others] = breakingChanges(repo(), repo({ view: { ttl: '24h', owner: 'growth' } }))
    expect(others).toEqual([])
    expect(error).toMatchObject({
      code: 'DEFINE_BREAKING_CHANGE',
      message: "view 'spend' is at version 1 and would mean something else: ttl none -> 1d",
      detail: { hint: expect.stringContaining('version: 2'), facts: { view: 'spend', file: expect.any(String) } },
    })
  })

  test('a new version of a view asks for one of the services that take it', () => {
    const bumped = { view: { version: 2, ttl: '24h' } }
    expect(breakingChanges(repo(), repo(bumped)).map((error) => error.message)).toEqual([
      "service 'model' is at version 1 and would mean something else: features.spend.n.version 1 -> 2; features.spend.avg.version 1 -> 2",
    ])
    expect(breakingChanges(repo(), repo({ ...bumped, serviceVersion: 2 }))).toEqual([])
  })

  test('refuses a version that goes back', () => {
    const errors = breakingChanges(repo({ view: { version: 2 }, serviceVersion: 2 }), repo({ serviceVersion: 3 }))
    expect(errors.map((error) => error.message)).toEqual(["view 'spend' went back from version 2 to 1"])
  })

  test.each(harmless)('lets %s change', (_, __, variant) => {
    expect(breakingChanges(repo(), repo(variant))).toEqual([])
  })
})

describe('validateRepo', () => {
  const messages = (one: FeatureRepo) => validateRepo(one).map((error) => error.message)

  test('finds nothing wrong in a sound repo', () => {
    expect(messages(repo())).toEqual([])
  })

  test('finds every problem, not just the first, with file and line', () => {
    const { entities, sources, views, services } = repo({ source: { owner: ' ' } })
    const bad: FeatureRepo = {
      project: 'shop',
      entities: [...entities, ...entities],
      sources,
      views: [...views, { ...views[0]!, name: 'other', entity: 'nobody', source: 'nowhere' }],
      services: [
        { ...services[0]!, features: [{ view: 'gone', viewVersion: 1, feature: 'n' }] },
        { ...services[0]!, name: 'newer', features: [{ view: 'spend', viewVersion: 7, feature: 'n' }] },
        { ...services[0]!, name: 'older', features: [{ view: 'spend', viewVersion: 0, feature: 'n' }] },
        { ...services[0]!, name: 'odd', features: [{ view: 'spend', viewVersion: 1, feature: 'm' }] },
      ],
    }
    expect(messages(bad)).toEqual([
      expect.stringMatching(/^entity 'user' is defined twice, first at .*repo\.test\.ts:\d+$/),
      "source 'orders' has no owner",
      "view 'other' is built from entity 'nobody', which the repo does not have",
      "view 'other' is built from source 'nowhere', which the repo does not have",
      "service 'model' takes features of view 'gone', which the repo does not have",
      "service 'newer' takes version 7 of view 'spend', which is at version 1",
      "service 'older' takes version 0 of view 'spend', which is at version 1",
      "service 'odd' takes feature 'm' of view 'spend', which does not have it",
    ])
    for (const error of validateRepo(bad)) expect(error.detail.facts).toMatchObject({ line: expect.any(Number) })
  })

  test('says nothing of a service that follows from a view with a problem of its own', () => {
    const one = repo()
    const view = one.views[0]!
    const without = { ...one, views: [{ ...view, features: [] }] }
    expect(validateRepo(without)).toHaveLength(one.services[0]!.features.length)
    expect(validateRepo(without, new Set([view.name]))).toEqual([])
    expect(messages({ ...one, views: [{ ...view, features: [] }, view] })).toEqual([
      expect.stringMatching(/^view 'spend' is defined twice/),
    ])
  })

  test('R14: an output name is taken once', () => {
    const one = repo()
    const view = (name: string, feature: string) => ({
      ...one.views[0]!,
      name,
      features: [{ ...one.views[0]!.features[0]!, name: feature }],
    })
    expect(messages({ ...one, services: [], views: [view('a', 'b__c'), view('a__b', 'c')] })).toEqual([
      'the output name a__b__c is taken twice, by a.b__c and by a__b.c (R14)',
    ])
  })

  test('lookup and window views of one repo stand side by side', () => {
    const one = repo()
    const last = featureView('last', {
      version: 1,
      entity: entity('user', { keys: { id: t.int64() } }),
      source: parquet('orders', { path: 'x', eventTime: 'ts', schema: { ts: t.timestamp(), id: t.int64() } }),
      since: '2001-01-01',
      every: '1h',
      features: { seen: lookup('ts') },
    })
    expect(messages({ ...one, views: [...one.views, last.definition] })).toEqual([])
  })
})

describe('bundleFor', () => {
  test('gives a view with what it is built from', () => {
    const bundle = bundleFor(repo(), 'spend')
    expect([bundle.view.name, bundle.entity.name, bundle.source.name]).toEqual(['spend', 'user', 'orders'])
    expect(bundle.definitionHash).toMatch(/^[0-9a-f]{64}$/)
  })

  test('names the views there are when asked for another', () => {
    expect(() => bundleFor(repo(), 'spent')).toThrow(expect.objectContaining({ code: 'REGISTRY_UNKNOWN_VIEW' }))
  })
})
