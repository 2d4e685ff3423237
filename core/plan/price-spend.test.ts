import { expect, test } from 'vitest'
import { priceSpend, savedBySkipping } from './price-spend.js'
import { formatPrices, parsePrices } from './prices.js'

const prices = parsePrices('write-units=1,read-units=0.5,s3-writes=2,s3-reads=0.1,s3-gb=3,engine-hours=4')

test('each kind of spend has its price, and the total is their sum', () => {
  const spend = { writeUnits: 2e6, readUnits: 4e6, s3Writes: 1_000, s3Reads: 10_000, engineSeconds: 1_800 }
  const priced = priceSpend({ ...spend, s3BytesRead: 5e8, s3BytesWritten: 5e8 }, prices)
  expect(priced).toEqual({ writeUnits: 2, readUnits: 2, s3: 2 + 1 + 3, engine: 2, total: 12 })
  expect(priceSpend({}, prices).total).toBe(0)
  expect(parsePrices(formatPrices(prices))).toEqual(prices)
})

test('an unchanged key would have cost what the view’s items took, and a unit at least', () => {
  const saved = (writeUnits: number, itemsWritten: number) =>
    savedBySkipping({ keysUnchanged: 100 }, { writeUnits, itemsWritten })
  expect(saved(3_000, 1_500)).toEqual({ writeUnits: 200, isMeasured: true })
  // Rounding of estimates aside, no write takes less.
  expect(saved(900, 1_000)).toEqual({ writeUnits: 100, isMeasured: true })
  // Two items and the mark of their publish say nothing.
  expect(saved(3, 2)).toEqual({ writeUnits: 100, isMeasured: false })
})
