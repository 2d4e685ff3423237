import { expect, test } from 'vitest'
import type { RunOutcome } from '../plan/interval-state.js'
import { type PastProfile, replayChecks } from './index.js'

const hourNs = 3_600_000_000_000n
const none = { rows: null, rejectedRateMax: null, duplicateRateMax: null, features: {} }

const run = (at: number, rows: number, outcome: RunOutcome = 'done'): PastProfile => ({
  runId: `run-${at}-${outcome}`,
  interval: { start: BigInt(at) * hourNs, end: BigInt(at + 1) * hourNs },
  outcome,
  profile: {
    ...{ rowsRead: rows, rowsKept: rows, nullKeys: 0, nullEventTimes: 0, keysDistinctApproximate: 1 },
    ...{ duplicateRows: 0, columns: [] },
  },
  sketches: null,
})

test('R26: each limit is put to what was shown, and a value at its limit passes', () => {
  const runs = [run(0, 10), run(1, 9), run(2, 4, 'held'), run(3, 5)]
  const replay = replayChecks({ ...none, rows: { min: 5 } }, hourNs, runs, [])
  expect(replay).toMatchObject({ judged: 4, unjudged: 0 })
  expect(replay.fired.map(({ run, findings }) => [run.runId, findings[0]!.observed])).toEqual([['run-2-held', 4]])
})

test('drift is replayed against the good runs before each: neither against later ones, nor held ones, nor the run itself', () => {
  const latest = [100, 100, 100, 100, 160, 100, 400, 100].map((rows, at) => run(at, rows, at === 4 ? 'held' : 'done'))
  const good = [...latest.filter(({ outcome }) => outcome === 'done'), run(4, 90)].sort((a, b) =>
    Number(a.interval.start - b.interval.start),
  )
  const replay = (volumeChangeMax: number, historyMin = 4) =>
    replayChecks({ ...none, drift: { volumeChangeMax, historyMin } }, hourNs, latest, good)
  const fired = (...limits: Parameters<typeof replay>) =>
    replay(...limits).fired.map(({ run, findings }) => [
      Number(run.interval.start / hourNs),
      findings[0]!.baseline!.runs,
    ])
  expect(fired(0.5)).toEqual([
    [4, 4],
    [6, 6],
  ])
  expect(fired(0.6)).toEqual([[6, 6]])
  expect(fired(0.5, 7)).toEqual([])
  expect(replay(0.5)).toMatchObject({ judged: 4, unjudged: 4 })
  expect(replay(0.5, 7)).toMatchObject({ judged: 1, unjudged: 7 })
})

test('R24: a run that one limit says nothing of has not passed, unless another has fired or it has no rows to ask', () => {
  const latest = [10, 10, 10, 10, 10, 0].map((rows, at) => run(at, rows))
  const drift = { volumeChangeMax: 9, historyMin: 4 }
  const replay = (checks: object) => replayChecks({ ...none, ...checks }, hourNs, latest, latest)
  expect(replay({ drift })).toMatchObject({ judged: 2, unjudged: 4, fired: [] })
  const both = replay({ drift, rows: { max: 5 } })
  expect(both).toMatchObject({ judged: 6, unjudged: 0 })
  expect(both.fired).toHaveLength(5)
  expect(replay({ drift: { cardinalityChangeMax: 9, historyMin: 6 } })).toMatchObject({ judged: 1, unjudged: 5 })
})
