import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ColumnKind } from '../define/definitions.js'
import { decodeKey, encodeKey, type PackedValue } from '../publish/index.js'
import { endOfTime } from '../time/instant.js'
import { fromBase64 } from './base64.js'
import { toJsonValue } from './json-value.js'
import { parseKey } from './parse-key.js'

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const through = (kind: ColumnKind, value: PackedValue) =>
  JSON.parse(JSON.stringify(toJsonValue({ kind, nullable: true }, value)))

describe('R20: a value keeps its type and each of its digits in JSON', () => {
  test('integers of 64 bits', () => {
    fc.assert(fc.property(int64, (value) => BigInt(through('int64', value)) === value))
  })

  test('floats, with what JSON has no number for', () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        expect(Number(through('float64', value))).toBe(value)
      }),
      { examples: [[Number.NaN], [-0], [Number.POSITIVE_INFINITY], [Number.NEGATIVE_INFINITY], [5e-324]] },
    )
  })

  test('byte strings', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (value) => {
        expect(fromBase64(through('binary', value))).toEqual(value)
      }),
    )
  })

  test.each([
    ['int32', 7, 7],
    ['uint64', 18_446_744_073_709_551_615n, '18446744073709551615'],
    ['decimal', '1.50', '1.50'],
    ['timestamp', 980_942_400_000_000_001n, '2001-01-31T12:00:00.000000001Z'],
    ['timestamp', endOfTime, 'infinity'],
    ['timestamp', -endOfTime, '-infinity'],
    ['date', '2001-01-31', '2001-01-31'],
    ['date', 'infinity', 'infinity'],
    ['boolean', false, false],
    ['string', '', ''],
    ['float64', null, null],
  ] as const)('%s', (kind, value, json) => {
    expect(through(kind, value)).toBe(json)
  })
})

describe('R12: what an answer says can be asked for', () => {
  const columns = (['int64', 'string', 'decimal', 'timestamp', 'binary', 'boolean'] as const).map((kind) => ({
    name: kind,
    kind,
    nullable: false,
  }))
  const documented = { kind: 'entity', name: 'e', owner: null, description: null, tags: {}, at: null } as const

  test('a key in JSON is the key it was', () => {
    const instant = fc.bigInt({ min: -(10n ** 18n), max: 10n ** 19n })
    const parts = fc.tuple(int64, fc.string({ unit: 'grapheme' }), int64, instant, fc.uint8Array(), fc.boolean())
    fc.assert(
      fc.property(parts, ([int, text, whole, at, bytes, flag]) => {
        const values = [int, text, whole.toString(), at, bytes, flag]
        const json = Object.fromEntries(
          columns.map(({ name, kind }, index) => [name, toJsonValue({ kind, nullable: false }, values[index]!)]),
        )
        const key = parseKey({ ...documented, keys: columns }, JSON.parse(JSON.stringify(json)))!
        expect(key).toEqual(encodeKey(columns, values))
        expect(decodeKey(columns, key)[3]).toBe(at)
      }),
      { examples: [[[0n, '', 0n, 980_942_400_000_000_001n, new Uint8Array(), false]]] },
    )
  })

  test('a day or a time that is none is asked for as it is told', () => {
    const keys = [
      { name: 'day', kind: 'date', nullable: false },
      { name: 'at', kind: 'timestamp', nullable: false },
    ] as const
    for (const [text, at] of [
      ['infinity', endOfTime],
      ['-infinity', -endOfTime],
    ] as const)
      expect(parseKey({ ...documented, keys }, { day: text, at: text })).toEqual(encodeKey(keys, [text, at]))
  })

  test('a date in another spelling than its own is refused, and not a key that is missing', () => {
    const entity = { ...documented, keys: [{ name: 'day', kind: 'date', nullable: false }] } as const
    for (const text of ['2001-1-5', '2001/01/05', '20010105', '2001-13-01', '2001-01-05T00:00:00Z', ''])
      expect(() => parseKey(entity, { day: text })).toThrowError(
        expect.objectContaining({ code: 'SERVE_KEY_INVALID', message: expect.stringContaining('is not a date') }),
      )
    for (const text of ['2001-01-05', '0044-03-15 (BC)', '10000-01-01'])
      expect(parseKey(entity, { day: text })).toEqual(encodeKey(entity.keys, [text]))
  })

  test('text that is no base64 is no byte string', () => {
    const entity = { ...documented, keys: [{ name: 'id', kind: 'binary', nullable: false }] } as const
    for (const text of ['zz!', 'abc', 'AA=A'])
      expect(() => parseKey(entity, { id: text })).toThrowError(expect.objectContaining({ code: 'SERVE_KEY_INVALID' }))
  })
})
