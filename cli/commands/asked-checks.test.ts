import { describe, expect, test } from 'vitest'
import { entity, featureView, parquet, t, window } from '../../core/define/index.js'
import { askedChecks } from './asked-checks.js'

const owner = 'ops'
const shop = entity('shop', { keys: { id: t.int64() }, owner })
const schema = { at: t.timestamp(), id: t.int64(), amount: t.float64() }
const source = parquet('sales', { path: 'x/*.parquet', eventTime: 'at', schema, owner })
const { definition: view } = featureView('spent', {
  ...{ version: 1, entity: shop, source, since: '2001-01-01T00:00:00Z', every: '1h', owner },
  features: { sales: window.count({ over: '2h' }), spent: window.sum('amount', { over: '2h' }) },
})

test('limits are put together as they are declared', () => {
  expect(
    askedChecks(view, [
      ...['rows.min=1', 'rejectedRateMax=0', 'spent.max=-2.5e3', 'features.spent.nullRateMax=0.1'],
      ...['spent.drift.sigmaMax=3', 'spent.drift.historyMin=8', 'drift.volumeChangeMax=0.5'],
    ]),
  ).toEqual({
    ...{ rows: { min: 1 }, rejectedRateMax: 0, duplicateRateMax: null, drift: { volumeChangeMax: 0.5 } },
    features: { spent: { max: -2500, nullRateMax: 0.1, drift: { sigmaMax: 3, historyMin: 8 } } },
  })
})

describe('what is no limit says so', () => {
  test.each([
    ['spent.nullRateMax', '"spent.nullRateMax" is not a limit', '--check'],
    ['spent.max=much', '"spent.max=much" is not a limit', '--check'],
    ['spnt.max=1', '"spnt.max" is neither a limit of spent nor of one of its features', 'spent'],
    ['spent.nullRateMx=1', 'feature spent has no limit "nullRateMx"', 'nullRateMax'],
    ['sales.nullRateMax=1', 'feature sales has no limit "nullRateMax"', 'counts rows'],
  ])('%s', (text, message, hint) => {
    expect(() => askedChecks(view, [text])).toThrow(
      expect.objectContaining({ code: 'USAGE', message, detail: { hint: expect.stringContaining(hint) } }),
    )
  })
})
