import { expect, test } from 'vitest'
import type { DrillReport } from './drill-report.js'
import { reportLine, reportText } from './report-text.js'

const at = '2001-01-31T13:00:00.000Z'
const canary: DrillReport = {
  ...{ drill: 'null-flood', isCanary: true, outcome: 'failed', failures: ['the alarm held did not come'] },
  ...{ notPossibleBecause: null, isRaised: true, isDeafOnly: true, stack: 'embedded', startedAt: at, endedAt: at },
  ...{ injects: 'nulls', undoneBy: 'amounts', injectedAt: at, undoneAt: at, resolvedAt: null },
  ...{ expected: { alarm: 'held', ruleAt: at, withinMs: 60_000 }, alarm: null, checks: [], told: [], timeline: [] },
}
const heard = { heardAt: at, key: 'held/totals@v1', summary: 'was held', afterRuleMs: 1_000 }

test('of a canary the report says whether it was right, and if not, why it proves nothing', () => {
  const lineOf = (more: Partial<DrillReport>) => reportLine({ ...canary, isDeafOnly: false, ...more })
  expect(reportLine(canary)).toBe(
    'FAILED  null-flood (canary): no alarm, though the watcher had raised it, as a canary has to',
  )
  expect(lineOf({ isRaised: false })).toContain('THE CANARY IS WRONG: the watcher never raised held')
  expect(lineOf({ alarm: heard, failures: [] })).toContain(
    'THE CANARY IS WRONG: its alarm was cut and came all the same',
  )
  expect(lineOf({ failures: [...canary.failures, 'interrupted'] })).toContain(
    'THE CANARY IS WRONG: it failed of something else: interrupted',
  )
  expect(reportText(canary)).toContain(
    'not heard; it was due at 2001-01-31T13:00:00.000Z and waited for 60.0 s; the watcher has it',
  )
  expect(reportText({ ...canary, isRaised: false })).toContain('the watcher has not raised it, either')
})
