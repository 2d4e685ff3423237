import { expect, test } from 'vitest'
import type { FeatureServiceDefinition } from '../../core/define/definitions.js'
import { askedServices, parseAskedViews } from './asked-views.js'

test('R13: the same view under two mappings keeps both', () => {
  const asked = parseAskedViews(
    ['from=airport:busy', 'to=airport:busy', 'to=airport:late', 'route:*'],
    ['from.origin=dep', 'to.origin=arr'],
  )
  expect(asked).toEqual([
    { alias: 'from', view: 'airport', version: null, isNewest: true, features: ['busy'], mapping: { origin: 'dep' } },
    {
      alias: 'to',
      view: 'airport',
      version: null,
      isNewest: true,
      features: ['busy', 'late'],
      mapping: { origin: 'arr' },
    },
    { alias: 'route', view: 'route', version: null, isNewest: true, features: 'all', mapping: {} },
  ])
})

const model: FeatureServiceDefinition = {
  kind: 'service',
  name: 'model',
  version: 1,
  features: [
    { view: 'airport', viewVersion: 2, feature: 'late' },
    { view: 'route', viewVersion: 1, feature: 'busy' },
    { view: 'airport', viewVersion: 2, feature: 'busy' },
  ],
  owner: 'test',
  description: null,
  tags: {},
  at: null,
} as unknown as FeatureServiceDefinition

test('a service is its views at the versions that it pins, each joined once, beside what else is asked', () => {
  const features = ['airport:busy', 'service:model', 'airport:far', 'to=airport']
  expect(askedServices(features)).toEqual(['model'])
  expect(parseAskedViews(features, ['to.origin=arr', 'route.from=dep'], [model])).toEqual([
    { alias: 'airport', view: 'airport', version: 2, isNewest: true, features: ['busy', 'late', 'far'], mapping: {} },
    { alias: 'route', view: 'route', version: 1, isNewest: false, features: ['busy'], mapping: { from: 'dep' } },
    { alias: 'to', view: 'airport', version: null, isNewest: true, features: 'all', mapping: { origin: 'arr' } },
  ])
  expect(parseAskedViews(['service:model', 'airport:late'], [], [model])[0]?.features).toEqual(['late', 'busy'])
})

test('a service and another one that pins another version are not one set', () => {
  const other = { ...model, name: 'other', features: [{ view: 'airport', viewVersion: 1, feature: 'late' }] }
  expect(() => parseAskedViews(['service:model', 'service:other'], [], [model, other])).toThrow(/airport@v1/)
})

test.each([
  [['airport'], [], /"airport" is not VIEW:feature/],
  [['a=x:f', 'a=y:f'], [], /"a" names both x and y/],
  [['airport:busy'], ['route.origin=dep'], /--map names "route"/],
  [['airport:busy'], ['airport=dep'], /is not VIEW.key=column/],
  // `--map "airport.origin=from, to"`, as the command line takes it apart.
  [['airport:busy'], ['airport.origin=from', 'to'], /"to" of --map is not VIEW.key=column/],
  [['airport:busy'], ['airport.origin=dep', 'airport.origin=arr'], /airport.origin is "dep" and "arr"/],
  [[], [], /no features/],
])('%j with --map %j is refused', (features, maps, message) => {
  expect(() => parseAskedViews(features, maps)).toThrow(message)
})
