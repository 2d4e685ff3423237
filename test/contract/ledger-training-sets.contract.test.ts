/** R30: what was published when; and the files that training sets pin. */
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import type { LedgerWriter } from '../../core/ports/ledger.js'
import { ledgerProject } from '../support/ledger-project.js'
import {
  commit,
  commitHours,
  hour,
  open,
  part,
  publishAll,
  publishRequest,
  record,
  view,
} from '../support/ledger-steps.js'
import type { TestProject } from '../support/postgres.js'

let ledger: LedgerWriter
let project: TestProject
ledgerProject((given) => {
  project = given
  ledger = given.ledger
})

const forEver = 10n ** 20n

test('R30, R33: which commits each finished publish showed, and since when', async () => {
  await commitHours(ledger, 0, 1)
  await publishAll(ledger, 'first')
  await commit(ledger, 'rerun-0', 0)
  // Opened, and never finished: it was not recorded as shown.
  const lost = await open(ledger, publishRequest('lost'))
  await record(ledger, lost)
  await ledger.releaseLease(view, lost.sequence, lost.owner)
  const before = await ledger.publishHistory(view, forEver)
  expect(before.publishes).toMatchObject([{ sequence: 1n, endAt: hour(1).end, newestCommitId: 2n }])
  expect(before.commits.map(({ commitId }) => commitId)).toEqual([1n, 2n])

  const third = await publishAll(ledger, 'third')
  const history = await ledger.publishHistory(view, forEver)
  expect(history.publishes).toMatchObject([{ sequence: 1n }, { sequence: third.sequence, newestCommitId: 3n }])
  expect(history.commits).toEqual([
    { commitId: 1n, interval: hour(0), data: part('run-0'), supersededBy: 3n },
    { commitId: 3n, interval: hour(0), data: part('rerun-0'), supersededBy: null },
    { commitId: 2n, interval: hour(1), data: part('run-1'), supersededBy: null },
  ])
  // Recorded at or before: to the microsecond of the ledger's clock.
  const [first, last] = history.publishes
  expect((await ledger.publishHistory(view, last!.recordedAt)).publishes).toHaveLength(2)
  expect((await ledger.publishHistory(view, last!.recordedAt - 1n)).publishes).toHaveLength(1)
  expect(await ledger.publishHistory(view, first!.recordedAt - 1n)).toEqual({ publishes: [], commits: [] })
})

test('R30: of a version whose own file is to go the history says so, unless a set pins it', async () => {
  await commitHours(ledger, 0, 1)
  await publishAll(ledger, 'first')
  for (const index of [0, 1]) await commit(ledger, `rerun-${index}`, index)
  await publishAll(ledger, 'second')
  const removed = async () =>
    (await ledger.publishHistory(view, forEver)).commits.flatMap(({ data, isRemoved }) => (isRemoved ? data!.path : []))
  expect(await removed()).toEqual([])
  const marked = await ledger.markFiles(view, { compactedKeptMs: 0, supersededKeptMs: 0, isOnline: true })
  expect(marked.commitFiles).toBe(2)
  expect(await removed()).toEqual([part('run-0').path, part('run-1').path])
  const paths = [part('run-1').path]
  await ledger.pinTrainingSet({ setId: 'a', mode: 'knowable', spineDigest: 'd', by: 'test', paths, keepMs: 60_000 })
  expect(await removed()).toEqual([part('run-0').path])
})

test('files stay pinned as long as any set asks, and a set asked again never for less', async () => {
  const pin = (setId: string, keepMs: number, ...paths: string[]) =>
    ledger.pinTrainingSet({ setId, mode: 'knowable', spineDigest: 'digest', by: 'test', paths, keepMs })
  const until = await pin('a', 86_400_000, 'rows/x', 'rows/x', 'rows/y')
  expect(await pin('a', 1_000, 'rows/x', 'rows/y')).toBe(until)
  await pin('b', 60_000, 'rows/y')
  expect(await ledger.trainingSet('a')).toMatchObject({ setId: 'a', mode: 'knowable', by: 'test', expiresAt: until })
  expect(await ledger.trainingSet('c')).toBeNull()
  const pinned = async () => (await ledger.pinnedPaths(['rows/x', 'rows/y', 'rows/none'])).sort()
  expect(await pinned()).toEqual(['rows/x', 'rows/y'])

  // The same commits, some in a compaction's file by now: both stay.
  expect(await pin('a', 1_000, 'rows/none', 'rows/y')).toBe(until)
  expect(await pinned()).toEqual(['rows/none', 'rows/x', 'rows/y'])

  await expire('a')
  expect(await pinned()).toEqual(['rows/y'])
  await pin('b', 60_000, 'rows/y')
  expect(await ledger.trainingSet('a')).toBeNull()
  expect(await pinned()).toEqual(['rows/y'])
})

async function expire(setId: string): Promise<void> {
  await project.client.query((db) =>
    db
      .updateTable('training_sets')
      .set({ expires_at: sql<bigint>`clock_timestamp()` })
      .where('set_id', '=', setId)
      .execute(),
  )
}
