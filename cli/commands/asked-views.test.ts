import { expect, test } from 'vitest'
import { parseAskedViews } from './asked-views.js'

test('R13: the same view under two mappings keeps both', () => {
  const asked = parseAskedViews(
    ['from=airport:busy', 'to=airport:busy', 'to=airport:late', 'route:*'],
    ['from.origin=dep', 'to.origin=arr'],
  )
  expect(asked).toEqual([
    { alias: 'from', view: 'airport', features: ['busy'], mapping: { origin: 'dep' } },
    { alias: 'to', view: 'airport', features: ['busy', 'late'], mapping: { origin: 'arr' } },
    { alias: 'route', view: 'route', features: 'all', mapping: {} },
  ])
})

test.each([
  [['airport'], [], /"airport" is not VIEW:feature/],
  [['a=x:f', 'a=y:f'], [], /"a" names both x and y/],
  [['airport:busy'], ['route.origin=dep'], /--map names "route"/],
  [['airport:busy'], ['airport=dep'], /is not VIEW.key=column/],
  [[], [], /no features/],
])('%j with --map %j is refused', (features, maps, message) => {
  expect(() => parseAskedViews(features, maps)).toThrow(message)
})
