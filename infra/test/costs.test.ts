import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { defaultPrices } from '../../core/plan/prices.js'
import {
  actionsOf,
  actionsPerHour,
  costTables,
  deltasMax,
  example,
  lakeGrowthGb,
  monthlyCosts,
  prices,
} from '../costs.js'

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')

test('plans of backfills, and what `cost` says, go by the same prices', () => {
  const workerHour = 2 * prices['Fargate, vCPU-hour'] + 8 * prices['Fargate, GB-hour of memory']
  expect({ ...defaultPrices, engineHour: defaultPrices.engineHour.toFixed(6) }).toEqual({
    millionWriteUnits: prices['DynamoDB, million write units'],
    millionReadUnits: prices['DynamoDB, million read units'],
    thousandS3Writes: prices['S3, thousand writes or listings'],
    thousandS3Reads: prices['S3, thousand reads'],
    s3Gigabyte: 0,
    engineHour: workerHour.toFixed(6),
  })
})

test('the page shows what the formulas give', () => {
  const shown = /<!-- costs -->\n([\s\S]*?)\n<!-- \/costs -->/.exec(read('docs/costs.md'))?.[1]
  expect(shown, 'npm run costs prints it').toBe(costTables())
})

test('writes follow changed keys and begun KiB, and nothing else', () => {
  const writes = (work: object) => Object.fromEntries(monthlyCosts({ ...example, ...work }, prices))['DynamoDB writes']!
  // 50 views x 730 hours x 50,000 keys.
  expect(writes({})).toBeCloseTo(1_825 * prices['DynamoDB, million write units'])
  expect(writes({ itemBytes: 1025 })).toBeCloseTo(2 * writes({}))
  expect(writes({ changedShare: 0 })).toBe(0)
  expect(writes({ keysPerView: 2_000_000, changedShare: 0.025 })).toBeCloseTo(writes({}))
})

test('the lake grows by what is committed and published', () => {
  expect(lakeGrowthGb({ ...example, changedShare: 0, publishedBytesPerKey: 0 })).toBe(0)
  expect(lakeGrowthGb({ ...example, publishedBytesPerKey: 0 })).toBeCloseTo((50 * 730 * 50_000 * 60) / 1e9)
  expect(read('activities/publish-state.ts')).toContain(`const deltasMax = ${deltasMax}`)
})

test('Temporal’s actions are those of recorded workflows', () => {
  const folder = 'test/workflows/histories/0.1.0/'
  const newest = (name: string) => {
    const files = readdirSync(new URL(`../../${folder}`, import.meta.url))
    const file = files.find((one) => one === `labelled-${name}.json`)!
    return (JSON.parse(read(folder + file)) as { events: { eventType: string }[] }).events
  }
  const schedule = 3
  const tick = newest('tick-starts-all')
  const children = tick.filter(({ eventType }) =>
    String(eventType).endsWith('START_CHILD_WORKFLOW_EXECUTION_INITIATED'),
  ).length
  // A tick of every hour starts one run; the recorded one starts several.
  const tickOfOne = actionsOf(tick) - 2 * (children - 1)
  expect(schedule + tickOfOne + actionsOf(newest('run-done'))).toBe(actionsPerHour)
})
