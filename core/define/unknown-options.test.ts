import { describe, expect, test } from 'vitest'
import { entity, featureService, featureView, parquet, t, window } from './index.js'
import { unknownOptions } from './unknown-options.js'

const user = entity('user', { keys: { user_id: t.int64() } })
const schema = { ts: t.timestamp(), user_id: t.int64(), amount: t.float64() }
const source = { path: 'orders/*.parquet', eventTime: 'ts', schema } as const
const orders = parquet('orders', source)
const view = {
  version: 1,
  entity: user,
  source: orders,
  since: '2001-01-01',
  every: '1h',
  features: { sum: window.sum('amount', { over: '1d' }) },
} as const

describe('a misspelled option is refused, not dropped in silence', () => {
  test.each<[string, () => unknown, string]>([
    ['of a view', () => featureView('v', { ...view, freshness: '3h' } as never), "view 'v' has no option 'freshness'"],
    [
      'of an SLA',
      () => featureView('v', { ...view, sla: { freshnes: '3h' } } as never),
      "view 'v' has no option 'sla.freshnes'",
    ],
    [
      'of a check',
      () => featureView('v', { ...view, checks: { features: { sum: { nullRateMx: 0.1 } } } } as never),
      "view 'v' has no option 'checks.features.sum.nullRateMx'",
    ],
    ['of checks', () => featureView('v', { ...view, checks: { row: { min: 1 } } } as never), "no option 'checks.row'"],
    [
      'of readiness',
      () => parquet('s', { ...source, ready: { markr: '_SUCCESS' } } as never),
      "source 's' has no option 'ready.markr'",
    ],
    ['of an entity', () => entity('e', { keys: { id: t.int64() }, key: 1 } as never), "entity 'e' has no option 'key'"],
    [
      'of a service',
      () => featureService('m', { version: 1, feature: [], features: [featureView('v', view).all()] } as never),
      "service 'm' has no option 'feature'",
    ],
  ])('%s', (_, define, message) => {
    expect(define).toThrow(
      expect.objectContaining({ code: 'DEFINE_INVALID', message: expect.stringContaining(message) }),
    )
  })

  test('the hint lists the options there are at that place', () => {
    const [problem] = unknownOptions('view', { sla: { freshnes: '3h' } }, { sla: { freshness: true, duration: true } })
    expect(problem?.hint).toBe('sla has freshness, duration')
  })

  test('names of the prototype are no options', () => {
    const given = JSON.parse('{ "constructor": 1, "toString": 1 }')
    expect(unknownOptions('view', given, { sla: true })).toHaveLength(2)
  })
})
