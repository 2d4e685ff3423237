import { expect, test } from 'vitest'
import { reportOf } from './drill.js'

type Done = Parameters<typeof reportOf>[0][number]

const drill = (name: string, outcome: Done['report']['outcome'], why: string | null = null): Done => ({
  path: `reports/${name}`,
  report: {
    ...{ drill: name, isCanary: false, outcome, isDeafOnly: false, stack: 'staging', injects: '', undoneBy: '' },
    failures: outcome === 'failed' ? ['it broke'] : [],
    ...{ notPossibleBecause: why, isRaised: null },
    ...{ startedAt: '', endedAt: '', injectedAt: null, undoneAt: null, resolvedAt: null, alarm: null },
    expected: { alarm: 'held', ruleAt: null, withinMs: 60_000 },
    ...{ checks: [], told: [], timeline: [] },
  },
})
const passed = drill('null-flood', 'passed')
const failed = drill('kill-worker', 'failed')
const impossible = drill('throttle', 'not-possible-here', "DynamoDB of this stack is AWS's own")

test('what is not possible here fails nothing, and is counted and said', () => {
  const { outcome, data, text } = reportOf([passed, impossible], false, false)
  expect([outcome, data]).toMatchObject(['done', { outcome: 'passed', notPossibleHere: 1 }])
  expect(text).toContain("not possible here  throttle: DynamoDB of this stack is AWS's own\n  reports/throttle.md\n")
  expect(text).toMatch(/\n1 of 1 as they have to be, 1 not possible here$/)
})

test.each([
  ['nothing was possible', [impossible], false, '0 of 0 as they have to be, 1 not possible here'],
  ['a drill failed beside it', [failed, impossible], false, '0 of 1 as they have to be, 1 not possible here'],
  ['it was interrupted', [passed], true, '1 of 1 as they have to be'],
] as const)('the command fails where %s', (_, done, isInterrupted, last) => {
  const { outcome, data, text } = reportOf(done, true, isInterrupted)
  expect([outcome, data]).toMatchObject(['failed', { outcome: 'failed' }])
  expect(text.split('\n').at(-1)).toBe(last)
})
