import { expect, test } from 'vitest'
import { bundleFor, entity, featureView, parquet, t, window } from '../../core/define/index.js'
import { qualityPoints } from '../../core/judge/index.js'
import { drawChart } from './chart.js'
import { qualityCharts, qualityHead, qualityTable } from './quality-text.js'

test('a chart draws each value in its band, and limits that are near', () => {
  const points = [0, 1, null, 3, 5].map((value) => ({ value, low: value && value - 1, high: value && value + 1 }))
  expect(drawChart(points, [7, 1_000]).join('\n')).toMatchInlineSnapshot(`
    "7 ─────
          •
         ││
         •
       • │
    0 •│"
  `)
  expect(drawChart([{ value: 4 }, { value: 4 }], [])).toEqual(['4 ••'])
  expect(drawChart([{ value: null }], [1])).toEqual([])
})

test('rows, nulls and means over time, with limits drawn and bad hours marked', () => {
  const owner = 'ops'
  const shop = entity('shop', { keys: { id: t.int64() }, owner })
  const source = parquet('sales', {
    ...{ path: 'x/*.parquet', eventTime: 'at', owner },
    schema: { at: t.timestamp(), id: t.int64(), amount: t.float64().nullable() },
  })
  const spent = featureView('spent', {
    ...{ version: 1, entity: shop, source, since: '2001-01-01T00:00:00Z', every: '1h', owner },
    features: { sales: window.count({ over: '2h' }), average: window.avg('amount', { over: '2h' }) },
    checks: { rows: { min: 40 }, features: { average: { nullRateMax: 0.25, max: 30 } } },
  })
  const repo = { project: 'p', entities: [shop.definition], sources: [source.definition], services: [] }
  const { view } = bundleFor({ ...repo, views: [spent.definition] }, 'spent')
  const hourNs = 3_600_000_000_000n
  const since = 978_307_200_000_000_000n
  const runs = [100, 90, 110, 20, 105].map((rows, at) => {
    const nulls = at === 3 ? 10 : at
    const rest = { min: 0, max: 20, p1: null, p25: null, p50: null, p75: null, p99: null, distinctApproximate: 5 }
    const counted = { feature: 'average', column: 'amount', values: rows - nulls, nulls, nans: 0, ...rest }
    const profile = {
      ...{ rowsRead: rows, rowsKept: rows, nullKeys: 0, nullEventTimes: 0, keysDistinctApproximate: 9 },
      ...{ duplicateRows: 0, columns: [{ ...counted, mean: 10 + at, standardDeviation: 4 }] },
    }
    return {
      runId: `run-${at}`,
      interval: { start: since + BigInt(at) * hourNs, end: since + BigInt(at + 1) * hourNs },
      outcome: at === 1 ? ('failed' as const) : at === 3 ? ('held' as const) : ('done' as const),
      ...{ profile: at === 1 ? null : profile, sketches: null },
    }
  })
  const points = qualityPoints(runs, null)
  expect(qualityHead(view, points)).toMatchInlineSnapshot(
    `"spent@v1  2001-01-01T00:00:00Z to 2001-01-01T05:00:00Z, 5 intervals: 3 done, 1 failed, 1 held"`,
  )
  expect(qualityCharts(view, ['average'], points)).toMatchInlineSnapshot(`
    "
    rows (limit: at least 40)
      110   • •
          •


          ─────
       20    •
           f h

    average: share of nulls (limit: at most 0.25)
      0.5    •

          ─────


        0 • • •
           f h

    average: mean, and its standard deviation (limit: at most 30)
      30 ─────

             │
         │ ││•
         • ••│
       6 │ │
          f h

      marks: h held, r rejected, f failed, n not ready"
  `)
  expect(qualityTable(['average'], points)).toMatchInlineSnapshot(`
    "START                 OUTCOME  ROWS  average NULLS  MEAN  SD
    2001-01-01T00:00:00Z  done      100              0    10   4
    2001-01-01T01:00:00Z  failed
    2001-01-01T02:00:00Z  done      110        0.01818    12   4
    2001-01-01T03:00:00Z  held       20            0.5    13   4
    2001-01-01T04:00:00Z  done      105         0.0381    14   4"
  `)
  const [whole] = qualityPoints(runs, () => 0n)
  expect(whole).toMatchObject({
    outcomes: ['done', 'failed', 'done', 'held', 'done'],
    profile: { rowsKept: 335, runs: 4 },
  })
})
