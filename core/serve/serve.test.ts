import { describe, expect, test } from 'vitest'
import { bundleFor, entity, featureView, lookup, parquet, t, window } from '../define/index.js'
import { encodeKey, encodeValues, valueSchemaHash } from '../publish/index.js'
import { parseInstant } from '../time/instant.js'
import { assembleVector } from './assemble-vector.js'
import { parseKey } from './parse-key.js'

const owner = 'ops'
const route = entity('route', { keys: { origin: t.string(), flight: t.int64() }, owner, description: 'A route' })
const flights = parquet('flights', {
  path: 'flights/*.parquet',
  eventTime: 'at',
  schema: { at: t.timestamp(), origin: t.string(), flight: t.int64(), delay: t.int64().nullable() },
  ...{ owner, description: 'Flights' },
})
const shared = { version: 1, entity: route, source: flights, since: '2001-01-01T00:00:00Z', every: '1h' } as const
const documented = { owner, description: 'A view' }
const last = featureView('last', { ...shared, ...documented, ttl: '2h', features: { delay: lookup() } })
const busy = featureView('busy', {
  ...{ ...shared, ...documented, ttl: '2h' },
  features: { flights: window.count({ over: '1h' }), delay: window.max('delay', { over: '1h' }) },
})
const repo = { project: 'p', entities: [route.definition], sources: [flights.definition], services: [] }
const lookupBundle = bundleFor({ ...repo, views: [last.definition] }, 'last')
const windowBundle = bundleFor({ ...repo, views: [busy.definition] }, 'busy')

const at = (text: string) => parseInstant(`2001-01-01T${text}Z`)
const item = (bundle: typeof lookupBundle, values: unknown[] | null, eventAt: bigint | null) => ({
  key: encodeKey(bundle.entity.keys, ['ATL', 1n]),
  sequence: 1n,
  eventAt,
  values: values === null ? null : encodeValues(bundle.view.features, values),
  schemaHash: valueSchemaHash(bundle.view.features),
  expiresAtSeconds: null,
})
const end = { sequence: 1n, endAt: at('10:00:00'), missing: [] }

describe('reading a lookup view', () => {
  const read = (values: unknown[] | null, now: string) =>
    assembleVector({ bundle: lookupBundle, item: item(lookupBundle, values, at('10:00:00')), end, now: at(now) })

  test('R2, R25: a value is present while its age is at most the ttl, and expired a nanosecond later', () => {
    expect(read([5n], '12:00:00')).toEqual({
      ...{ status: 'present', values: { delay: 5n }, eventAt: '2001-01-01T10:00:00Z', ageMs: 7_200_000 },
      missingIntervals: [],
    })
    expect(read([5n], '12:00:00.000000001')).toMatchObject({ status: 'expired', values: { delay: null } })
  })

  test('R6, R25: a row of nulls is present', () => {
    expect(read([null], '11:00:00')).toMatchObject({ status: 'present', values: { delay: null } })
  })

  test('R36: an empty item and an absent one both read as missing', () => {
    expect(read(null, '11:00:00')).toMatchObject({ status: 'missing', values: { delay: null } })
    expect(assembleVector({ bundle: lookupBundle, item: null, end, now: at('11:00:00') })).toEqual({
      ...{ status: 'missing', values: { delay: null }, eventAt: null, ageMs: null, missingIntervals: [] },
    })
  })
})

describe('reading a window view', () => {
  const stored = item(windowBundle, [3n, null], null)
  const read = (now: string, changes: object = {}) =>
    assembleVector({ bundle: windowBundle, item: stored, end, now: at(now), ...changes })

  test('R29: the published end is its event time, and its ttl counts from there', () => {
    expect(read('10:30:00')).toMatchObject({
      ...{ status: 'present', values: { flights: 3n, delay: null }, eventAt: '2001-01-01T10:00:00Z', ageMs: 1_800_000 },
    })
    expect(read('12:00:00')).toMatchObject({ status: 'present' })
    expect(read('12:00:00.000000001')).toMatchObject({ status: 'expired', values: { flights: 0n, delay: null } })
  })

  test('R8, R29: a key without an item counts 0 and is missing', () => {
    expect(read('10:30:00', { item: null })).toMatchObject({
      ...{ status: 'missing', values: { flights: 0n, delay: null }, eventAt: '2001-01-01T10:00:00Z' },
    })
  })

  test('R32: with intervals missing under it, an answer is partial and names them', () => {
    const missing = [{ start: '2001-01-01T09:00:00Z', end: '2001-01-01T10:00:00Z' }]
    expect(read('10:30:00', { end: { ...end, missing } })).toMatchObject({
      ...{ status: 'partial', values: { flights: 3n }, missingIntervals: missing },
    })
  })

  test('a version that was never published has nothing', () => {
    expect(read('10:30:00', { item: null, end: null })).toMatchObject({ status: 'missing', eventAt: null })
  })
})

describe('keys as people write them', () => {
  const encoded = (key: readonly unknown[]) => encodeKey(route.definition.keys, key)

  test('R12: text becomes the declared type, integers exact beyond 2^53, strings as they are', () => {
    const key = parseKey(route.definition, { origin: '01', flight: '9007199254740993' })
    expect(key).toEqual(encoded(['01', 9007199254740993n]))
    expect(parseKey(route.definition, { flight: 7, origin: ' ATL' })).toEqual(encoded([' ATL', 7n]))
  })

  test('R5: a null part matches nothing', () => {
    expect(parseKey(route.definition, { origin: null, flight: '1' })).toBeNull()
  })

  test.each([
    ['absent', { origin: 'ATL' }, 'flight'],
    ['unknown', { origin: 'ATL', flight: 1, gate: 2 }, 'gate'],
    ['of another type', { origin: 'ATL', flight: 'x' }, 'flight'],
    ['not whole', { origin: 'ATL', flight: 1.5 }, 'flight'],
  ])('R12: a part that is %s is refused by name', (_, parts, name) => {
    expect(() => parseKey(route.definition, parts)).toThrowError(
      expect.objectContaining({ code: 'SERVE_KEY_INVALID', message: expect.stringContaining(`"${name}"`) }),
    )
  })
})

describe('reading features that were held alone', () => {
  test('R35, R25: a held lookup is as old as its own row, and expires by that', () => {
    const held = { ...item(lookupBundle, [5n], at('10:00:00')), held: `[[0,"${at('09:00:00')}"]]` }
    const read = (now: string) => assembleVector({ bundle: lookupBundle, item: held, end, now: at(now) })
    expect(read('11:00:00')).toMatchObject({
      ...{ status: 'present', values: { delay: 5n }, eventAt: '2001-01-01T10:00:00Z' },
      features: { delay: { status: 'held', eventAt: '2001-01-01T09:00:00Z', ageMs: 7_200_000 } },
    })
    const late = { status: 'present', values: { delay: null }, features: { delay: { status: 'expired' } } }
    expect(read('11:00:00.000000001')).toMatchObject(late)
    const never = { ...held, held: '[[0,null]]' }
    expect(
      assembleVector({ bundle: lookupBundle, item: never, end, now: at('11:00:00') }).features?.delay,
    ).toMatchObject({ status: 'held', eventAt: null, ageMs: null })
  })

  test('R35, R32: a held window stands at its own end, or is partial alone', () => {
    const shown = (held: NonNullable<Parameters<typeof assembleVector>[0]['end']>['held']) =>
      assembleVector({
        ...{ bundle: windowBundle, item: item(windowBundle, [3n, 7n], null), now: at('11:00:00') },
        end: { ...end, ...(held ? { held } : {}) },
      })
    expect(shown(undefined)).not.toHaveProperty('features')
    expect(shown([{ features: ['delay'], endAt: '2001-01-01T09:30:00Z', missing: [] }])).toMatchObject({
      ...{ status: 'present', values: { flights: 3n, delay: 7n } },
      features: { delay: { status: 'held', eventAt: '2001-01-01T09:30:00Z', ageMs: 5_400_000 } },
    })
    const gap = { start: '2001-01-01T08:00:00Z', end: '2001-01-01T09:00:00Z' }
    expect(shown([{ features: ['delay'], endAt: '2001-01-01T10:00:00Z', missing: [gap] }])).toMatchObject({
      ...{ status: 'present', missingIntervals: [] },
      features: { delay: { status: 'partial', missingIntervals: [gap] } },
    })
  })
})
