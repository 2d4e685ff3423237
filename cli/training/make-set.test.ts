import { expect, test } from 'vitest'
import { nanosecondFeatures, planTrainingSet } from '../../core/compute/index.js'
import { entity, featureView, lookup, parquet, t } from '../../core/define/index.js'
import { MillcourseError } from '../../core/errors.js'
import { namingTimes } from './make-set.js'

const shop = entity('shop', { keys: { shop: t.string() }, owner: 'test' })
const source = parquet('sales', {
  path: 'sales/*.parquet',
  schema: { shop: t.string(), at: t.timestamp(), paid: t.timestamp().nullable(), ends: t.timestamp().nullable() },
  ...{ eventTime: 'at', owner: 'test' },
})
const view = featureView('sales', {
  ...{ version: 1, entity: shop, source, since: '2001-01-01T00:00:00Z', every: '1d', owner: 'test' },
  features: { paid: lookup(), ends: lookup() },
})
const plan = planTrainingSet({
  spine: {
    file: '/spine.parquet',
    format: 'parquet',
    eventTimeColumn: 't',
    columns: [
      { name: 't', type: 'TIMESTAMP', isUtc: false },
      { name: 'shop', type: 'VARCHAR', isUtc: false },
    ],
  },
  views: [
    {
      bundle: {
        ...{ view: view.definition, entity: shop.definition, source: source.definition, definitionHash: 'test' },
      },
      ...{ features: ['paid', 'ends'], mapping: {} },
    },
  ],
})

test('R11: a time that nanoseconds do not reach is told by the features that need nanoseconds', async () => {
  const names = nanosecondFeatures(plan, { __answer0_0: false, __answer0_1: true })
  expect(names).toEqual(['sales__ends'])
  expect(nanosecondFeatures(plan, null)).toEqual([])
  const fails = (code: 'COMPUTE_VALUE_OUT_OF_RANGE' | 'COMPUTE_FAILED') => () =>
    Promise.reject(new MillcourseError(code, 'as the engine says it'))
  await expect(namingTimes(names, fails('COMPUTE_VALUE_OUT_OF_RANGE'))).rejects.toMatchObject({
    code: 'COMPUTE_VALUE_OUT_OF_RANGE',
    message: expect.stringContaining('a time of sales__ends lies outside of the years 1677 to 2262'),
    detail: { facts: { features: 'sales__ends' } },
  })
  for (const [some, code] of [
    [[], 'COMPUTE_VALUE_OUT_OF_RANGE'],
    [names, 'COMPUTE_FAILED'],
  ] as const)
    await expect(namingTimes(some, fails(code))).rejects.toThrow('as the engine says it')
})
