import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonicalJson, type Json } from './canonical-json.js'
import { isSameJson } from './same-json.js'

const leaf = fc.oneof(fc.constantFrom(null, true, false, 0, -0, 1, '', 'a', '0'), fc.double(), fc.constant(undefined))
const { value } = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', maxDepth: 4 },
    leaf.map((one) => (one === undefined ? null : one)),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.oneof(tie('value'), fc.constant(undefined)), {
      maxKeys: 3,
      noNullPrototype: true,
    }) as fc.Arbitrary<Json>,
  ),
}))

test('two values are the same exactly where their canonical texts are', () => {
  fc.assert(
    fc.property(value, value, (one, other) => {
      expect(isSameJson(one, other)).toBe(canonicalJson(one) === canonicalJson(other))
      expect(isSameJson(one, structuredClone(one))).toBe(true)
    }),
    { numRuns: 1000, examples: [[Number.NaN, null]] },
  )
})
