import { expect, test } from 'vitest'
import { type BackfillPlan, costAwaits, defaultPrices, estimateBackfill } from '../../core/plan/index.js'
import { formatPlan } from './plan-text.js'

function planned(samples: readonly { keysSoFar: number; drawn: number; changed: number }[] | null): BackfillPlan {
  const interval = { start: '2001-01-01T00:00:00Z', end: '2001-01-01T01:00:00Z' }
  return {
    ...{ view: 'v', version: 1, planId: 'abc', definitionHash: 'd', range: interval, files: [], services: [] },
    options: { order: 'oldest', isForced: false, onFailure: 'continue', atOnce: 2 },
    intervals: [{ ...interval, need: 'missing', inputsHash: 'i' }],
    estimate: estimateBackfill({
      ...{ runs: 1, atOnce: 2, files: 1, fileReads: 1, bytesRead: 5, rows: 7, isLakeInS3: true, runMs: null },
      ...{ online: { runsInReach: 1, samples, itemBytes: null, itemsPerSecond: null }, prices: defaultPrices },
      writeUnitsPerSecond: null,
    }),
  }
}

const known = [{ keysSoFar: 2_000_000, drawn: 10, changed: 10 }]
const text = (samples: typeof known | null, costMax: number | null, costMaxOfAll: number | null, openDollars = 0) => {
  const plan = planned(samples)
  return formatPlan(plan, costAwaits(plan.estimate, { costMax, costMaxOfAll }, openDollars), '')
}

test('a plan says that it would wait for approval, by whose limit, and is started with the same', () => {
  expect(text(known, 2, 10)).not.toContain('would wait')
  const own = text(known, 1, null)
  expect(own).toMatch(/would wait +for approval: it costs about \$1\.25, more than its --cost-max, \$1\.00\n/)
  expect(own).toContain('millcourse backfill v --plan abc --reason "…" --cost-max 1')
  expect(text(known, null, 10, 9)).toMatch(
    /with \$9\.00 of those open more than MILLCOURSE_BACKFILL_COST_MAX, \$10\.00\n/,
  )
})

test('a price that is not known is no price', () => {
  expect(text(null, null, null)).toMatch(/costs +at least \$\d[^\n]*write units not known/)
  expect(text(null, 1, 10)).toMatch(
    /would wait +for approval: what it writes online is not known \(\$[\d.]+ without that\), and may cost more than its --cost-max, \$1\.00, or MILLCOURSE_BACKFILL_COST_MAX, \$10\.00\n/,
  )
})
