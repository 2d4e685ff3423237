import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Column, ColumnKind, Feature, ValueType, ViewBundle } from '../define/definitions.js'
import { decodeKey, encodeKey, reservedKeyByte } from './key-encoding.js'
import { pack } from './message-pack.js'
import { readKey } from './read-key.js'
import { decodeValues, encodeValues, valueSchemaHash } from './value-encoding.js'

const column = (name: string, kind: ColumnKind): Column => ({ name, kind, nullable: false })
const feature = (name: string, kind: ColumnKind): Feature => ({
  kind: 'lookup',
  name,
  column: name,
  type: { kind, nullable: true },
})
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const text = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', ' ', 'a', 'A', '0', '00', '\u0000', '\ufeffbom', `\ufeff${'x'.repeat(300)}`, 'é', 'e\u0301'),
)
const keyParts: Partial<Record<ColumnKind, fc.Arbitrary<unknown>>> = {
  int64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  uint64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  int32: fc.integer(),
  string: text,
  boolean: fc.boolean(),
  date: fc.constantFrom('2001-01-01', '1969-12-31', '2001-01-10'),
  timestamp: fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
  binary: fc.uint8Array({ maxLength: 300 }),
}
const composite = fc
  .array(fc.constantFrom(...(Object.keys(keyParts) as ColumnKind[])), { minLength: 1, maxLength: 4 })
  .chain((kinds) => {
    const key = fc.tuple(...kinds.map((kind) => keyParts[kind]!))
    return fc.record({
      columns: fc.constant(kinds.map((kind, index) => column(`k${index}`, kind))),
      one: key,
      other: key,
    })
  })

describe('key encoding', () => {
  test('R13: decoding an encoded key gives the key', () => {
    fc.assert(
      fc.property(composite, ({ columns, one }) => {
        expect(decodeKey(columns, encodeKey(columns, one))).toEqual(one)
      }),
    )
  })

  test('R13: a key that is found is read where it is one in its one spelling, and nothing else is', () => {
    const read = (keys: readonly Column[], key: Uint8Array) => readKey({ name: 'e', keys } as ViewBundle['entity'], key)
    fc.assert(
      fc.property(composite, ({ columns, one }) => {
        expect(read(columns, encodeKey(columns, one))).toEqual(one)
      }),
    )
    const price: Column = { ...column('a', 'decimal'), precision: 4, scale: 2 }
    expect(read([price], pack(['12.5']))).toEqual(['12.5'])
    for (const [type, bytes] of [
      [column('a', 'string'), pack([1n])],
      [column('a', 'string'), pack(['a', 'b'])],
      [column('a', 'string'), Uint8Array.of(0x91, 0xd9, 1, 0x64)],
      [column('a', 'string'), Uint8Array.of(7)],
      [column('a', 'string'), Uint8Array.of(0xc1)],
      [column('a', 'int64'), Uint8Array.of(0x91, 0xcc, 7)],
      [column('a', 'int8'), pack([300n])],
      [column('a', 'int32'), pack(['7'])],
      [column('a', 'date'), pack(['2001-02-30'])],
      [column('a', 'date'), pack(['2001-1-1'])],
      [column('a', 'timestamp'), pack(['9'.repeat(39)])],
      [price, pack(['1.255'])],
      [price, pack(['125'])],
    ] as const)
      expect(read([type], bytes), `${type.kind} ${hex(bytes)}`).toBeNull()
  })

  test('R13: two different keys never share an encoding', () => {
    fc.assert(
      fc.property(composite, ({ columns, one, other }) => {
        const isSame = one.every((part, index) => hexOrText(part) === hexOrText(other[index]))
        expect(hex(encodeKey(columns, one)) === hex(encodeKey(columns, other))).toBe(isSame)
      }),
      { numRuns: 1000 },
    )
  })

  test('R13: where one part ends and the next begins is part of the encoding', () => {
    const columns = [column('a', 'string'), column('b', 'string')]
    const encodings = [
      ['ab', 'c'],
      ['a', 'bc'],
      ['', 'abc'],
      ['abc', ''],
    ].map((key) => hex(encodeKey(columns, key)))
    expect(new Set(encodings).size).toBe(4)
  })

  test('R12: integer keys of any width encode alike, exact beyond 2^53', () => {
    expect(hex(encodeKey([column('a', 'int32')], [7]))).toBe(hex(encodeKey([column('a', 'uint64')], [7n])))
    const big = 2n ** 53n
    expect(hex(encodeKey([column('a', 'int64')], [big]))).not.toBe(hex(encodeKey([column('a', 'int64')], [big + 1n])))
  })

  test('R12: strings are their bytes: no trimming, folding or reading as numbers', () => {
    const keys = ['1', '01', ' 1', '1 ', 'a', 'A', 'é', 'e\u0301'].map((key) =>
      hex(encodeKey([column('a', 'string')], [key])),
    )
    expect(new Set(keys).size).toBe(keys.length)
  })

  test('R13: a decimal has one encoding however it is written', () => {
    const encode = (value: string) => hex(encodeKey([column('a', 'decimal')], [value]))
    expect(new Set(['1.5', '1.50', '01.5'].map(encode)).size).toBe(1)
    expect(new Set(['-0', '0', '0.00'].map(encode)).size).toBe(1)
    expect(encode('15')).not.toBe(encode('1.5'))
  })

  test('R5, R12: nulls, floats, rounded numbers and other types are refused by column name', () => {
    const refused = (kind: ColumnKind, value: unknown) => () => encodeKey([column('origin', kind)], [value])
    for (const [kind, value] of [
      ['string', null],
      ['float64', 1.5],
      ['int64', 2 ** 53],
      ['int64', 2n ** 64n],
      ['int64', 2n ** 63n],
      ['int64', -(2n ** 63n) - 1n],
      ['int32', 2 ** 31],
      ['int8', -129n],
      ['uint8', 256],
      ['uint64', -1n],
      ['uint64', 2n ** 64n],
      ['int64', '1'],
      ['string', 1],
      ['string', '\ud800'],
    ] as const)
      expect(refused(kind, value)).toThrowError(
        expect.objectContaining({ code: 'SERVE_KEY_INVALID', message: expect.stringContaining('origin') }),
      )
  })

  test('R29: no key begins with the reserved byte', () => {
    fc.assert(fc.property(composite, ({ columns, one }) => encodeKey(columns, one)[0] !== reservedKeyByte))
  })
})

const valueParts: Partial<Record<ColumnKind, fc.Arbitrary<unknown>>> = {
  ...keyParts,
  float64: fc.oneof(fc.double(), fc.constantFrom(Number.NaN, -0, 0, 1, 2 ** 60, Number.POSITIVE_INFINITY)),
  decimal: fc.constantFrom('1.50', '99999999999999999999999999999999999999', '-0.01'),
}
const row = fc.array(fc.constantFrom(...(Object.keys(valueParts) as ColumnKind[])), { maxLength: 20 }).chain((kinds) =>
  fc.record({
    features: fc.constant(kinds.map((kind, index) => feature(`f${index}`, kind))),
    values: fc.tuple(...kinds.map((kind) => fc.option(valueParts[kind]!, { nil: null }))),
  }),
)

describe('value encoding', () => {
  test('R20: every value keeps its type and comes back exact', () => {
    fc.assert(
      fc.property(row, ({ features, values }) => {
        const decoded = decodeValues(features, encodeValues(features, values), valueSchemaHash(features))
        expect(decoded.length).toBe(values.length)
        // Object.is tells -0 from 0 and NaN from everything but itself.
        decoded.forEach((value, index) => {
          if (value instanceof Uint8Array) expect(value).toEqual(values[index])
          else expect(Object.is(value, values[index])).toBe(true)
        })
      }),
      { numRuns: 500 },
    )
  })

  test('R20: lists and maps keep the types of their items', () => {
    const items = Object.entries(valueParts) as [ColumnKind, fc.Arbitrary<unknown>][]
    const nested = fc.constantFrom(...items).chain(([kind, part]) => {
      const of = { kind, nullable: false } as const
      const list = { kind: 'list', nullable: true, of } as const
      const key = { kind: 'string', nullable: false } as const
      const lists = fc.array(part)
      return fc.oneof(
        fc.tuple(fc.constant<ValueType>(list), lists),
        fc.tuple(fc.constant<ValueType>({ kind: 'map', nullable: true, key, of }), fc.array(fc.tuple(text, part))),
        fc.tuple(
          fc.constant<ValueType>({ kind: 'map', nullable: true, key, of: list }),
          fc.array(fc.tuple(text, lists)),
        ),
      )
    })
    fc.assert(
      fc.property(nested, ([type, value]) => {
        const features = [{ ...feature('f', 'int64'), type } as Feature, feature('after', 'int64')]
        const packed = encodeValues(features, [value, 7n])
        expect(decodeValues(features, packed, valueSchemaHash(features))).toStrictEqual([value, 7n])
      }),
      { numRuns: 300 },
    )
  })

  test('R20: a value of another type than its feature is not read', () => {
    const list = { kind: 'list', nullable: true, of: { kind: 'int64', nullable: false } } as const
    for (const [type, value] of [
      [{ kind: 'int64', nullable: true }, 'text'],
      [{ kind: 'int64', nullable: true }, 2n ** 63n],
      [{ kind: 'int8', nullable: true }, 300n],
      [{ kind: 'int32', nullable: true }, 1.5],
      [{ kind: 'float64', nullable: true }, 1n],
      [{ kind: 'string', nullable: true }, 1n],
      [{ kind: 'boolean', nullable: true }, 'true'],
      [{ kind: 'timestamp', nullable: true }, 'soon'],
      [{ kind: 'binary', nullable: true }, 'text'],
      [list, 1n],
      [list, ['text']],
    ] as const) {
      const features = [{ ...feature('f', 'int64'), type } as Feature]
      expect(() => decodeValues(features, pack([value]), valueSchemaHash(features)), type.kind).toThrowError()
    }
  })

  test('R20: values of another schema are not read by this one', () => {
    const before = [feature('a', 'int64')]
    const after = [feature('a', 'float64')]
    expect(() => decodeValues(after, encodeValues(before, [1n]), valueSchemaHash(before))).toThrowError(
      expect.objectContaining({ code: 'SERVE_SCHEMA_CHANGED' }),
    )
  })
})

function hexOrText(part: unknown): string {
  return part instanceof Uint8Array ? `bytes ${hex(part)}` : `${typeof part} ${String(part)}`
}
