/** Compaction and removal where a feature is held alone (R35). */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ActivityDeps } from '../../activities/activity-deps.js'
import { applyDecision } from '../../activities/decide.js'
import { removeFiles } from '../../activities/remove-files.js'
import { parseInstant } from '../../core/time/instant.js'
import { type CompactionRig, startCompactionRig } from '../support/compaction-rig.js'
import { hour, sale } from '../support/sales-views.js'

const day = 86_400_000
let compaction: CompactionRig
beforeAll(async () => {
  const checks = { features: { amount: { max: 100, severity: 'hold-feature' } } }
  const alone = { view: { ttl: undefined, checks } }
  compaction = await startCompactionRig({ alone }, { views: ['alone'], features: ['alone=alone'] })
})
afterAll(() => compaction?.stop())

test('R35, R21: what is held, accepted and rejected answers the same from a compaction; of two commits of a file it goes when both may', async () => {
  const { rig, deps, context, makeSet, compactAll, filesBelow } = compaction
  const key = { view: 'alone', version: 1 }
  const pathAt = async (at: number) => {
    const interval = { start: parseInstant(hour(at)), end: parseInstant(hour(at + 1)) }
    const [commit] = await rig.deps.ledger.currentCommits(key, interval)
    return { interval, runId: commit!.runId, path: commit!.data!.path }
  }
  const decide = async (at: number, action: 'accept' | 'reject') => {
    const { interval, runId } = await pathAt(at)
    const asked = { ...key, action, interval, runId, reason: 'looked at', by: 'ann' }
    const { decisionId } = await rig.deps.ledger.recordDecision(asked)
    expect(await rig.step(applyDecision, [{ decisionId, now: null }])).toMatchObject({ kind: 'committed' })
  }
  const amountsOf = async ({ out }: { readonly out: string }) => {
    const sql = `SELECT alone__amount AS amount FROM '${out}' WHERE shop = 'x' AND "at" < TIMESTAMP '2001-01-01T08:00' ORDER BY "at"`
    return (await rig.deps.engine.withSession((session) => session.all({ sql }))).map(({ amount }) => Number(amount))
  }
  const keeping = (supersededKeptMs: number): ActivityDeps => {
    const retention = { compactedKeptMs: 0, supersededKeptMs, graceMs: 0 }
    return { ...deps, settings: { ...deps.settings, retention } }
  }
  for (let at = 0; at < 8; at++) {
    const amount = [1, 3, 6].includes(at) ? 500 + at : at
    await rig.write('alone', at, 'a', sale(hour(at, 10), 'x', amount), sale(hour(at, 20), 'y', at))
  }
  await rig.settle('alone', hour(8))
  await decide(3, 'accept')
  const [held, rejected] = await Promise.all([1, 6].map(pathAt))
  // What took the place of a commit names its file, and counts: it goes for neither.
  const own = (await filesBelow('rows/alone/')).toSorted()
  expect(own).toHaveLength(8)
  for (const _ of ['marks', 'removes'])
    expect(await rig.step(removeFiles, [key], {}, keeping(0))).toMatchObject({ filesRemoved: 0 })
  expect((await filesBelow('rows/alone/')).toSorted()).toEqual(own)
  await decide(6, 'reject')
  const before = await makeSet()
  expect(await amountsOf(before)).toEqual([0, 0, 2, 503, 4, 5, 5, 7])

  // Compacted, it is kept a day for the commit before; and what awaits a decision until there is one.
  expect((await compactAll(keeping(day))).files).toBeGreaterThan(0)
  const kept = [held!, rejected!].map(({ path }) => path).toSorted()
  expect((await filesBelow('rows/alone/')).toSorted()).toEqual(kept)
  expect((await makeSet(context, { of: before.out })).bytes).toBe(before.bytes)
  expect((await makeSet()).bytes).toBe(before.bytes)
  await compactAll(keeping(0))
  expect(await filesBelow('rows/alone/')).toEqual([held!.path])
  expect((await makeSet()).bytes).toBe(before.bytes)
  await decide(1, 'accept')
  const after = await makeSet()
  expect(await amountsOf(after)).toEqual([0, 501, 2, 503, 4, 5, 5, 7])
  await compactAll(keeping(0))
  await compactAll(keeping(0))
  expect(await filesBelow('rows/alone/')).toEqual([])
  expect((await makeSet()).bytes).toBe(after.bytes)
}, 60_000)
