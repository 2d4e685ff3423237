import { expect, test } from 'vitest'
import { account, sourceOf } from '../../test/reference/generated-history.js'
import { featureView, lookup, window } from '../define/index.js'
import { differingFeatures } from './same-answer.js'

const plain = { visibility: 'event', hasTombstone: false, hasId: false, within: null } as const
const source = sourceOf(plain)
const shared = {
  version: 1,
  entity: account,
  source,
  since: '2001-01-01T00:00:00Z',
  every: '1h',
  owner: 'test',
} as const
const bundleOf = (view: { readonly definition: ReturnType<typeof featureView>['definition'] }) => ({
  ...{ view: view.definition, entity: account.definition, source: source.definition, definitionHash: 'x' },
})
const latest = bundleOf(
  featureView('latest', { ...shared, features: { rate: lookup(), amount: lookup(), label: lookup() } }),
)
const recent = bundleOf(
  featureView('recent', { ...shared, tile: '1h', features: { rate: window.sum('rate', { over: '2h' }) } }),
)

test('R20: a value differs from null, from another type of value, and by its last digit', () => {
  const zero = { rate: 0, amount: 0n, label: '' }
  expect(differingFeatures(latest, zero, { rate: null, amount: null, label: null })).toEqual([
    'rate',
    'amount',
    'label',
  ])
  expect(differingFeatures(latest, { amount: 9_007_199_254_740_993n }, { amount: 9_007_199_254_740_992n })).toEqual([
    'amount',
  ])
  expect(differingFeatures(latest, { rate: Number.NaN }, { rate: null })).toEqual(['rate'])
  expect(differingFeatures(latest, { rate: 0.1 + 0.2 }, { rate: 0.3 })).toEqual(['rate'])
  expect(differingFeatures(latest, { label: '7' }, { label: 7n })).toEqual(['label'])
})

test('the same value is the same in whatever width, and NaN is NaN', () => {
  expect(differingFeatures(latest, { rate: Number.NaN, amount: 7n }, { rate: Number.NaN, amount: 7 })).toEqual([])
  expect(differingFeatures(latest, { rate: -0 }, { rate: 0 })).toEqual([])
})

test('a sum of floats beyond exact sums may differ by the order of its rows, and by no more', () => {
  expect(differingFeatures(recent, { rate: 1e300 }, { rate: 1e300 * (1 + 2 ** -50) })).toEqual([])
  expect(differingFeatures(recent, { rate: 1 }, { rate: 1.000001 })).toEqual(['rate'])
  expect(differingFeatures(recent, { rate: Number.POSITIVE_INFINITY }, { rate: 1 })).toEqual(['rate'])
  expect(differingFeatures(recent, { rate: Number.NaN }, { rate: Number.NaN })).toEqual([])
})
