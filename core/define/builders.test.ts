import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { MillcourseError } from '../errors.js'
import { entity, featureService, featureView, lookup, parquet, t, window } from './index.js'

const user = entity('user', { keys: { user_id: t.int64() }, owner: 'growth' })
const columns = {
  ts: t.timestamp(),
  user_id: t.int32(),
  amount: t.decimal(12, 2).nullable(),
  item: t.string(),
  score: t.float32(),
  raw: t.binary(),
  id: t.string(),
}
const orders = parquet('orders', { path: 'orders/{yyyy-MM-dd}/*.parquet', eventTime: 'ts', schema: columns })
const base = { version: 1, entity: user, source: orders, since: '2001-01-01', every: '1h' } as const

/** The error a definition throws, as callers without types meet it. */
function thrownBy(define: () => unknown): MillcourseError {
  try {
    define()
  } catch (error) {
    if (error instanceof MillcourseError) return error
    throw error
  }
  throw new Error('it was accepted')
}

describe('entity', () => {
  test('keeps its keys in declared order, and the line it was written at', () => {
    const { definition } = entity('route', { keys: { to: t.string(), from: t.date() } })
    expect(definition.keys).toEqual([
      { name: 'to', kind: 'string', nullable: false },
      { name: 'from', kind: 'date', nullable: false },
    ])
    expect(definition.at?.file).toMatch(/core\/define\/builders\.test\.ts$/)
    const written = readFileSync(import.meta.filename, 'utf8').split('\n')[definition.at!.line - 1]
    expect(written).toContain("entity('route', {")
  })

  test.each([
    ['R12: floating-point keys', { id: t.float64() }, /key 'id' is float64/],
    ['R5: nullable keys', { id: t.int64().nullable() }, /key 'id' cannot be nullable/],
    ['no keys', {}, /has no keys/],
    ['keys without a type', { id: 'int64' }, /'id' has no type/],
    [
      'R23: keys that differ only by case',
      { id: t.int64(), ID: t.int64() },
      /'id' and 'ID', which differ only by case/,
    ],
  ])('refuses %s', (_, keys, message) => {
    expect(thrownBy(() => entity('e', { keys: keys as never })).message).toMatch(message)
  })

  test.each(['User', '1st', 'a-b', '', 'x'.repeat(64)])('refuses the name %j', (name) => {
    expect(thrownBy(() => entity(name, { keys: { id: t.int64() } }))).toMatchObject({ code: 'DEFINE_INVALID' })
  })
})

describe('parquet', () => {
  const schema = {
    ts: t.timestamp(),
    written: t.timestamp().nullable(),
    gone: t.boolean(),
    id: t.string(),
    f: t.float64(),
  }
  const source = (options: object) =>
    parquet('s', { path: 'x/*.parquet', eventTime: 'ts', schema, ...options } as never)

  test('fills in its defaults', () => {
    expect(source({}).definition).toMatchObject({
      createdTime: null,
      visibility: 'event',
      timezone: 'UTC',
      tombstone: null,
      eventId: null,
      ready: { marker: null, delay: null, deadline: '1h' },
      owner: null,
      tags: {},
    })
  })

  test('writes durations in one way', () => {
    const { definition } = source({
      eventId: { column: 'id', within: '90m' },
      ready: { delay: '120s', deadline: '24h' },
    })
    expect(definition.eventId).toEqual({ column: 'id', within: '1h30m' })
    expect(definition.ready).toEqual({ marker: null, delay: '2m', deadline: '1d' })
  })

  test.each([
    ['an unknown event time', { eventTime: 'time' }, 'DEFINE_UNKNOWN_COLUMN', /eventTime names column 'time'/],
    [
      'an event time that is no timestamp',
      { eventTime: 'id' },
      'DEFINE_INVALID',
      /eventTime 'id' is string, it must be timestamp/,
    ],
    [
      'R16: a created time without visibility',
      { createdTime: 'written' },
      'DEFINE_INVALID',
      /does not say what it means \(R16\)/,
    ],
    [
      'R16: visibility created without a created time',
      { visibility: 'created' },
      'DEFINE_INVALID',
      /needs a createdTime/,
    ],
    [
      'R18: a tombstone that is not boolean',
      { tombstone: 'id' },
      'DEFINE_INVALID',
      /tombstone 'id' is string, it must be boolean/,
    ],
    ['R19: a floating-point event id', { eventId: { column: 'f' } }, 'DEFINE_INVALID', /eventId 'f' is float64/],
    ['R10: an unknown time zone', { timezone: 'Mars/Olympus' }, 'DEFINE_INVALID', /"Mars\/Olympus" is not a time zone/],
    ['an unknown time token', { path: 'x/{yyy}/*.parquet' }, 'DEFINE_INVALID', /unknown time token \{yyy\}/],
    ['a path that leaves the root', { path: '../x.parquet' }, 'DEFINE_INVALID', /leaves its root/],
    ['an absolute path without a scheme', { path: '/data/x.parquet' }, 'DEFINE_INVALID', /absolute without a scheme/],
    ['a scheme that is not read', { path: 'gs://b/x.parquet' }, 'DEFINE_INVALID', /begins with gs:\/\//],
    ['a marker that is a path', { ready: { marker: 'a/_SUCCESS' } }, 'DEFINE_INVALID', /is not a file name/],
    [
      'a marker and a delay',
      { ready: { marker: '_SUCCESS', delay: '5m' } },
      'DEFINE_INVALID',
      /both a marker and a delay/,
    ],
    [
      'R23: columns that differ only by case',
      { schema: { ...schema, ID: t.string() } },
      'DEFINE_DUPLICATE_NAME',
      /'id' and 'ID'/,
    ],
    [
      'a decimal of 39 digits',
      { schema: { ...schema, d: t.decimal(39, 0) } },
      'DEFINE_INVALID',
      /column 'd' is decimal\(39,0\)/,
    ],
  ])('refuses %s', (_, options, code, message) => {
    const error = thrownBy(() => source(options))
    expect(error.code).toBe(code)
    expect(error.message).toMatch(message)
    expect(error.detail.facts).toMatchObject({ line: expect.any(Number) })
  })

  test('R23: a column may be called anything', () => {
    const odd = parquet('s', {
      path: 'x',
      eventTime: 'my "time"',
      schema: { 'my "time"': t.timestamp(), 'größe%': t.int8() },
    })
    expect(odd.definition.schema.map((column) => column.name)).toEqual(['my "time"', 'größe%'])
  })
})

describe('featureView', () => {
  const view = (options: object) =>
    featureView('v', { ...base, features: { n: window.count({ over: '24h' }) }, ...options } as never)

  test('R20: every aggregate has the type of its answer', () => {
    const over = { over: '24h' } as const
    const { definition } = featureView('v', {
      ...base,
      features: {
        rows: window.count(over),
        values: window.count('amount', over),
        distinct: window.count_distinct('item', over),
        sum_int: window.sum('user_id', over),
        sum_dec: window.sum('amount', over),
        sum_float: window.sum('score', over),
        avg: window.avg('amount', over),
        max: window.max('amount', over),
        last: window.last('item', over),
      },
    })
    expect(Object.fromEntries(definition.features.map((feature) => [feature.name, feature.type]))).toEqual({
      rows: { kind: 'int64', nullable: false },
      values: { kind: 'int64', nullable: false },
      distinct: { kind: 'int64', nullable: false },
      sum_int: { kind: 'decimal', precision: 38, scale: 0, nullable: true },
      sum_dec: { kind: 'decimal', precision: 38, scale: 2, nullable: true },
      sum_float: { kind: 'float64', nullable: true },
      avg: { kind: 'float64', nullable: true },
      max: { kind: 'decimal', precision: 12, scale: 2, nullable: true },
      last: { kind: 'string', nullable: true },
    })
  })

  test('a lookup has the type of its column', () => {
    const { definition } = featureView('v', { ...base, features: { item: lookup(), paid: lookup('amount') } })
    expect(definition).toMatchObject({ viewKind: 'lookup', tile: null, coarseTile: null })
    expect(definition.features).toEqual([
      { kind: 'lookup', name: 'item', column: 'item', type: { kind: 'string', nullable: false } },
      {
        kind: 'lookup',
        name: 'paid',
        column: 'amount',
        type: { kind: 'decimal', precision: 12, scale: 2, nullable: true },
      },
    ])
  })

  test('fills in its defaults', () => {
    expect(view({}).definition).toMatchObject({
      viewKind: 'window',
      since: '2001-01-01T00:00:00Z',
      tile: '1h',
      coarseTile: null,
      lookback: null,
      ttl: null,
      lag: '0s',
      onGap: 'block',
      online: true,
      keyColumns: [{ key: 'user_id', column: 'user_id' }],
      checks: { rows: null, rejectedRateMax: null, duplicateRateMax: null, features: {} },
      sla: { freshness: null, duration: null },
    })
  })

  test('R13: a key may be mapped to a column of another name', () => {
    const shop = entity('shop', { keys: { shop_id: t.int64() } })
    const mapped = featureView('v', {
      ...base,
      entity: shop,
      keys: { shop_id: 'user_id' },
      features: { item: lookup() },
    })
    expect(mapped.definition.keyColumns).toEqual([{ key: 'shop_id', column: 'user_id' }])
  })

  test.each<[string, object, string, RegExp]>([
    ['R2: a ttl of zero', { ttl: '0s' }, 'DEFINE_INVALID', /ttl must be longer than zero.*R2/],
    ['a duration in words', { every: '1 hour' }, 'DEFINE_INVALID', /every: "1 hour" is not a duration/],
    ['a since that is no instant', { since: '2001-02-31' }, 'DEFINE_INVALID', /since: "2001-02-31" is not an instant/],
    [
      'R9: a window that is not a multiple of the tile',
      { features: { n: window.count({ over: '90m' }) } },
      'DEFINE_INVALID',
      /feature 'n' is over 1h30m, which is not a multiple of the tile 1h \(R9\)/,
    ],
    [
      'R9: an interval that is not a multiple of the tile',
      { tile: '25m' },
      'DEFINE_INVALID',
      /every 1h is not a multiple of its tile 25m/,
    ],
    [
      'R9: a since between two tiles',
      { since: '2001-01-01T00:10:00Z' },
      'DEFINE_INVALID',
      /is not the start of a tile of 1h/,
    ],
    [
      'a coarse tile that cuts intervals',
      { coarseTile: '90m' },
      'DEFINE_INVALID',
      /coarseTile 1h30m is not made of whole intervals/,
    ],
    ['a coarse tile no longer than the tile', { coarseTile: '1h' }, 'DEFINE_INVALID', /coarseTile 1h is not made of/],
    [
      'an unknown column',
      { features: { n: window.sum('nope', { over: '1h' }) } },
      'DEFINE_UNKNOWN_COLUMN',
      /feature 'n' reads column 'nope', which source 'orders' does not have/,
    ],
    [
      'a sum of text',
      { features: { n: window.sum('item', { over: '1h' }) } },
      'DEFINE_INVALID',
      /feature 'n' takes sum of 'item', which is string, not a number/,
    ],
    ['a min of bytes', { features: { n: window.min('raw', { over: '1h' }) } }, 'DEFINE_INVALID', /not an ordered type/],
    [
      'lookups beside windows',
      { features: { item: lookup(), n: window.count({ over: '1h' }) } },
      'DEFINE_INVALID',
      /both lookups and windows/,
    ],
    ['no features', { features: {} }, 'DEFINE_INVALID', /has no features/],
    [
      'something that is no feature',
      { features: { n: 'count' } },
      'DEFINE_INVALID',
      /feature 'n' is neither lookup\(\) nor/,
    ],
    [
      'a feature with the name of a key',
      { features: { user_id: window.count({ over: '1h' }) } },
      'DEFINE_DUPLICATE_NAME',
      /has the name of a key/,
    ],
    [
      'feature names that clash by case',
      { features: { a: window.count({ over: '1h' }), A: window.count({ over: '1h' }) } },
      'DEFINE_INVALID',
      /"A" is not a valid name/,
    ],
    [
      'a budget of nothing',
      { budget: { writeUnitsPerDay: 0 } },
      'DEFINE_INVALID',
      /budget.writeUnitsPerDay 0 is not a number above 0/,
    ],
    ['a budget in words', { budget: 'low' as never }, 'DEFINE_INVALID', /budget says no number of units/],
    [
      'a budget of what writes nothing',
      { budget: { writeUnitsPerDay: 1 }, online: false },
      'DEFINE_INVALID',
      /writes none|is not online/,
    ],
    ['version 0', { version: 0 }, 'DEFINE_INVALID', /version 0 is not 1, 2, 3/],
    ['a missing entity', { entity: undefined }, 'DEFINE_INVALID', /has no entity/],
    ['a missing source', { source: undefined }, 'DEFINE_INVALID', /has no source/],
    [
      'a key without a column',
      { keys: { user_id: 'usr' } },
      'DEFINE_UNKNOWN_COLUMN',
      /joins on 'usr', which source 'orders' does not have/,
    ],
    [
      'R12: a key of another family',
      { keys: { user_id: 'item' } },
      'DEFINE_INVALID',
      /key 'user_id' is int64, column 'item' of source 'orders' is string \(R12\)/,
    ],
    ['a mapping of a key that is not there', { keys: { usr: 'user_id' } }, 'DEFINE_INVALID', /maps the key 'usr'/],
    ['an unknown onGap', { onGap: 'ignore' }, 'DEFINE_INVALID', /onGap "ignore"/],
    [
      'onGap of a lookup view',
      { onGap: 'mark', features: { item: lookup() } },
      'DEFINE_INVALID',
      /onGap is for window views/,
    ],
    [
      'a tile of a lookup view',
      { tile: '1h', features: { item: lookup() } },
      'DEFINE_INVALID',
      /tile is for window views/,
    ],
    [
      'a check of an unknown feature',
      { checks: { features: { m: {} } } },
      'DEFINE_INVALID',
      /names 'm', which is not one of its features/,
    ],
    [
      'a check of counted rows',
      { checks: { features: { n: { min: 1 } } } },
      'DEFINE_INVALID',
      /counts rows and reads no column/,
    ],
    [
      'a limit of text',
      { features: { item: lookup() }, checks: { features: { item: { min: 1 } } } },
      'DEFINE_INVALID',
      /limits 'item', which is string, not a number/,
    ],
    [
      'a share above 1',
      { checks: { rejectedRateMax: 20 } },
      'DEFINE_INVALID',
      /rejectedRateMax is 20, a share lies between 0 and 1/,
    ],
    ['limits that nothing passes', { checks: { rows: { min: 2, max: 1 } } }, 'DEFINE_INVALID', /min 2 is above max 1/],
  ])('refuses %s', (_, options, code, message) => {
    const error = thrownBy(() => view(options))
    expect(error.message).toMatch(message)
    expect(error.code).toBe(code)
    expect(error.detail.facts).toMatchObject({ file: expect.stringMatching(/builders\.test\.ts$/) })
  })

  test('R19: windows over events with an id need the span a redelivery is looked for', () => {
    const source = (within?: '6h') =>
      parquet('s', {
        path: 'x',
        eventTime: 'ts',
        schema: columns,
        eventId: { column: 'id', ...(within ? { within } : {}) },
      })
    expect(thrownBy(() => view({ source: source() })).message).toMatch(
      /whose eventId does not say within which span.*R19/,
    )
    expect(view({ source: source('6h') }).definition.source).toBe('s')
    expect(view({ source: source(), features: { item: lookup() } }).definition.source).toBe('s')
  })
})

describe('featureService', () => {
  const view = featureView('v', {
    ...base,
    version: 3,
    features: { a: window.count({ over: '1h' }), b: window.count({ over: '2h' }) },
  })

  test('keeps the order in which features were chosen, and the versions of their views', () => {
    const { definition } = featureService('s', { version: 1, features: [view.pick('b', 'a')] })
    expect(definition.features).toEqual([
      { view: 'v', viewVersion: 3, feature: 'b' },
      { view: 'v', viewVersion: 3, feature: 'a' },
    ])
    expect(
      featureService('s', { version: 1, features: [view.all()] }).definition.features.map((one) => one.feature),
    ).toEqual(['a', 'b'])
  })

  test('refuses a feature named twice, and none at all', () => {
    expect(thrownBy(() => featureService('s', { version: 1, features: [view.all(), view.pick('a')] }))).toMatchObject({
      code: 'DEFINE_DUPLICATE_NAME',
      message: "service 's' names v.a twice",
    })
    expect(thrownBy(() => featureService('s', { version: 1, features: [] })).message).toMatch(/has no features/)
  })
})
