/** Compactions in the ledger: what they stand for, when, and which files may go. */
import { beforeEach, describe, expect, test } from 'vitest'
import type { FileRetention } from '../../core/ports/compaction-ledger.js'
import type { LedgerWriter } from '../../core/ports/ledger.js'
import { ledgerProject } from '../support/ledger-project.js'
import { allTime, commit, commitHours, end, hold, hour, part, pin, publishAll, view } from '../support/ledger-steps.js'

let ledger: LedgerWriter
ledgerProject((given) => {
  ledger = given.ledger
})

const spanOf = (from: number, to: number) => ({ start: hour(from).start, end: hour(to).end })
const bucket = { number: 0, of: 1 }
const filesOf = (name: string) => [{ path: `compacted/${name}.parquet`, rows: 9, sizeBytes: 900, bucket }]
const now: FileRetention = { compactedKeptMs: 0, supersededKeptMs: 0, isOnline: false }
const day = 86_400_000
const nothing = { commitIds: [], compactionIds: [], cachePaths: [] }

async function idsOf(...hours: readonly number[]): Promise<bigint[]> {
  const commits = await ledger.currentCommits(view, allTime)
  return hours.map((index) => commits.find(({ interval }) => interval.start === hour(index).start)!.commitId)
}

async function compact(name: string, ...hours: readonly number[]): Promise<bigint> {
  const id = await ledger.beginCompaction(view, spanOf(hours[0]!, hours.at(-1)!))
  expect(await ledger.recordCompaction(id, { commitIds: await idsOf(...hours), files: filesOf(name) })).toBe('recorded')
  return id
}

const found = async () =>
  (await ledger.compactions(view, allTime)).map(({ compactionId, isCurrent }) => [compactionId, isCurrent])
const marked = async (graceMs = 0) => {
  const { commits, compactionIds } = await ledger.markedFiles(view, graceMs)
  return [commits.map(({ path }) => path), compactionIds]
}

beforeEach(() => commitHours(ledger, 0, 1, 2, 3))

test('a compaction is found from its record on, whole, in the spans that it overlaps', async () => {
  const id = await ledger.beginCompaction(view, spanOf(0, 1))
  expect(await ledger.compactions(view, allTime)).toEqual([])
  const commitIds = await idsOf(0, 1)
  expect(await ledger.recordCompaction(id, { commitIds, files: filesOf('a') })).toBe('recorded')
  expect(await ledger.recordCompaction(id, { commitIds, files: filesOf('a') })).toBe('recorded')
  const [compaction, ...others] = await ledger.compactions(view, hour(1))
  expect(others).toEqual([])
  expect(compaction).toEqual({
    ...{ compactionId: id, span: spanOf(0, 1), commitIds, removedIds: [], files: filesOf('a'), isCurrent: true },
    recordedAt: expect.any(BigInt),
  })
  expect(await ledger.compactions(view, hour(2))).toEqual([])
  expect(await ledger.compactions({ ...view, version: 2 }, allTime)).toEqual([])
})

test('versions that have something committed, or whose runs may have left files, are known, whatever is applied', async () => {
  expect(await ledger.versionsWithFiles(view.view)).toEqual([view.version])
  await pin(ledger, 'other', 0, { version: 7 })
  expect(await ledger.versionsWithFiles(view.view)).toEqual([view.version])
  await end(ledger, 'other', 'held')
  expect(await ledger.versionsWithFiles(view.view)).toEqual([view.version, 7])
  expect(await ledger.versionsWithFiles('another')).toEqual([])
})

test('one version of an interval, of this view and with rows, or nothing is recorded', async () => {
  const [first] = await idsOf(0)
  await commit(ledger, 'rerun-0', 0)
  const [again] = await idsOf(0)
  const refused = async (commitIds: bigint[], span = spanOf(0, 3)) => {
    const id = await ledger.beginCompaction(view, span)
    await expect(ledger.recordCompaction(id, { commitIds, files: filesOf('x') })).rejects.toThrow('a compaction holds')
  }
  await refused([first!, again!])
  await refused([...(await idsOf(0)), 999n])
  await refused(await idsOf(0, 2), spanOf(0, 1))
  expect(await ledger.compactions(view, allTime)).toEqual([])
})

test('what was committed anew meanwhile does no harm: the compaction stands for the version that it holds', async () => {
  const id = await ledger.beginCompaction(view, spanOf(0, 1))
  const commitIds = await idsOf(0, 1)
  await commit(ledger, 'rerun-0', 0)
  expect(await ledger.recordCompaction(id, { commitIds, files: filesOf('a') })).toBe('recorded')
  expect(await ledger.compactions(view, allTime)).toMatchObject([{ commitIds, isCurrent: true }])
})

test('a compaction supersedes those whose part that counts it holds, one that comes late none', async () => {
  const late = await ledger.beginCompaction(view, spanOf(0, 1))
  const lateIds = await idsOf(0, 1)
  const small = await compact('small', 0, 1)
  await commit(ledger, 'rerun-1', 1)
  const large = await compact('large', 0, 1, 2)
  expect(await found()).toEqual([
    [large, true],
    [small, false],
  ])
  const other = await compact('other', 2, 3)
  expect(await ledger.recordCompaction(late, { commitIds: lateIds, files: filesOf('late') })).toBe('recorded')
  expect(await found()).toEqual([
    [other, true],
    [large, true],
    [small, false],
    [late, false],
  ])
})

test('a superseded compaction goes, also where the one that took its place was begun before it', async () => {
  const large = await ledger.beginCompaction(view, spanOf(0, 2))
  const commitIds = await idsOf(0, 1, 2)
  const small = await compact('small', 0, 1)
  expect(await ledger.markFiles(view, now)).toEqual({ commitFiles: 2, compactions: 0 })
  expect(await ledger.recordCompaction(large, { commitIds, files: filesOf('large') })).toBe('recorded')
  expect(await found()).toEqual([
    [small, false],
    [large, true],
  ])
  expect(await ledger.markFiles(view, now)).toEqual({ commitFiles: 1, compactions: 1 })
  expect((await marked())[1]).toEqual([small])
})

test('own files go after the retention of a compaction that stands for them, told to no reader before they go', async () => {
  await compact('a', 0, 1)
  expect(await ledger.markFiles(view, { ...now, compactedKeptMs: day })).toEqual({ commitFiles: 0, compactions: 0 })
  expect(await ledger.markFiles(view, now)).toEqual({ commitFiles: 2, compactions: 0 })
  expect(await ledger.markFiles(view, now)).toEqual({ commitFiles: 0, compactions: 0 })
  const ids = await idsOf(0, 1)
  expect(await ledger.compactions(view, allTime)).toMatchObject([{ removedIds: ids }])
  // A grace, for readers that were told of the files before.
  expect(await marked(day)).toEqual([[], []])
  expect(await marked()).toEqual([[part('run-0').path, part('run-1').path], []])
  await ledger.forgetFiles(view, { ...nothing, commitIds: ids })
  expect(await marked()).toEqual([[], []])
  expect(await ledger.compactions(view, allTime)).toMatchObject([{ removedIds: ids }])
  // What was not marked is not forgotten.
  const [two] = await idsOf(2)
  await ledger.forgetFiles(view, { ...nothing, commitIds: [two!] })
  await compact('b', 2, 3)
  expect(await ledger.markFiles(view, now)).toEqual({ commitFiles: 2, compactions: 0 })
})

test('what a training set pins is not marked; what it pinned after the mark stays until it lets go', async () => {
  await compact('a', 0, 1)
  const pinned = (setId: string, keepMs: number, ...paths: string[]) =>
    ledger.pinTrainingSet({ setId, mode: 'knowable', spineDigest: 'digest', by: 'test', paths, keepMs })
  await pinned('before', day, part('run-0').path)
  expect(await ledger.markFiles(view, now)).toEqual({ commitFiles: 1, compactions: 0 })
  await pinned('after', day, part('run-1').path, filesOf('a')[0]!.path)
  expect(await marked()).toEqual([[], []])
  await compact('b', 0, 1, 2)
  expect(await ledger.markFiles(view, now)).toEqual({ commitFiles: 1, compactions: 0 })
  expect(await marked()).toEqual([[part('run-2').path], []])
})

test('R37: of a run that has ended all goes after its retention; not while it is held and can be accepted', async () => {
  const kept = { candidatesKeptMs: 0, quarantineKeptMs: day }
  const candidates = async () => {
    expect(await ledger.markRunFiles(view, { candidatesKeptMs: day, quarantineKeptMs: day })).toBe(0)
    await ledger.markRunFiles(view, kept)
    return (await ledger.markedRunFiles(view, 0)).map(({ room, runId }) => `${room}/${runId}`)
  }
  await pin(ledger, 'open', 4)
  for (const runId of ['held-5', 'again-5']) await hold(ledger, runId, 5)
  await hold(ledger, 'held-6', 6)
  const ended = [0, 1, 2, 3].map((index) => `candidates/run-${index}`)
  expect(await candidates()).toEqual(ended)
  expect(await ledger.markRunFiles(view, kept)).toBe(0)
  expect(await ledger.markedRunFiles(view, day)).toEqual([])
  await ledger.forgetRunFiles(view, [{ room: 'candidates', runId: 'run-0' }])
  expect(await candidates()).toEqual(ended.slice(1))
  // Both can be accepted, until a later run is committed; then one whose decision is still to be carried out.
  const request = {
    ...view,
    interval: hour(5),
    action: 'accept',
    runId: 'held-5',
    reason: 'looked at',
    by: 'ann',
  } as const
  const { decisionId } = await ledger.recordDecision(request)
  await commit(ledger, 'later-5', 5)
  expect((await candidates()).filter((path) => path.endsWith('-5'))).toEqual([
    'candidates/again-5',
    'candidates/later-5',
  ])
  await ledger.applyDecision(decisionId, part('held-5'))
  expect(await candidates()).toContain('candidates/held-5')
  expect(await candidates()).not.toContain('candidates/held-6')
  expect(await ledger.markRunFiles({ ...view, version: 2 }, kept)).toBe(0)
  expect(await ledger.markRunFiles(view, { candidatesKeptMs: day, quarantineKeptMs: 0 })).toBe(4 + 3)
})

test('R30: a superseded version goes after its own retention, from wherever it lies', async () => {
  const long = { ...now, supersededKeptMs: day }
  const [first] = await idsOf(0)
  const old = await compact('old', 0, 1)
  await ledger.markFiles(view, long)
  await commit(ledger, 'rerun-0', 0)
  await commit(ledger, 'again-0', 0)
  const young = await compact('young', 0, 1)
  // The middle version has its own file; the first one has only the old compaction.
  expect(await ledger.markFiles(view, long)).toEqual({ commitFiles: 1, compactions: 0 })
  expect((await ledger.compactions(view, allTime)).map(({ compactionId }) => compactionId)).toEqual([young, old])
  expect((await ledger.compactions(view, allTime))[1]!.commitIds).toContain(first)
  expect(await ledger.markFiles(view, now)).toEqual({ commitFiles: 1, compactions: 1 })
  expect(await found()).toEqual([[young, true]])
  expect((await marked())[1]).toEqual([old])
  await ledger.forgetFiles(view, { ...nothing, compactionIds: [old, young] })
  expect(await found()).toEqual([[young, true]])
})

test('R31: what a publish may have to take back stays until a later version was published', async () => {
  await publishAll(ledger, 'first')
  await commit(ledger, 'rerun-0', 0)
  await commit(ledger, 'again-0', 0)
  const online = { ...now, isOnline: true }
  expect(await ledger.markFiles(view, online)).toEqual({ commitFiles: 0, compactions: 0 })
  await publishAll(ledger, 'second')
  expect(await ledger.markFiles(view, online)).toEqual({ commitFiles: 2, compactions: 0 })
})

test('an attempt that was given up, or has died, is found by its number and records nothing more', async () => {
  const failed = await ledger.beginCompaction(view, spanOf(0, 1))
  await ledger.giveUpCompaction(failed)
  const commitIds = await idsOf(0, 1)
  expect(await ledger.recordCompaction(failed, { commitIds, files: filesOf('a') })).toBe('given-up')
  expect(await marked()).toEqual([[], [failed]])
  await ledger.forgetFiles(view, { ...nothing, compactionIds: [failed] })
  expect(await ledger.recordCompaction(failed, { commitIds, files: filesOf('a') })).toBe('given-up')
  const recorded = await compact('b', 0, 1)
  await ledger.giveUpCompaction(recorded)
  expect(await found()).toEqual([[recorded, true]])
})

describe('files of caches', () => {
  const cacheFile = (path: string, sequence: bigint) => ({ path, sequence, sizeBytes: 7 })
  const markedPaths = async (graceMs = 0) =>
    (await ledger.markedFiles(view, graceMs)).cacheFiles.map(({ path }) => path)
  const nameTile = (path: string) =>
    ledger.recordCoarseTile(view, { span: spanOf(0, 1), data: { ...part('x'), path }, commitIds: [] })

  test('that nobody names are marked once publishes after them have long been finished, and told a grace later', async () => {
    await publishAll(ledger, 'first')
    await nameTile('tile-1')
    await commit(ledger, 'rerun-0', 0)
    await publishAll(ledger, 'second')
    const state = await ledger.shownState(view)
    const named = state!.published!.files.map(({ path }) => cacheFile(path, 1n))
    const files = [...named, cacheFile('tile-1', 1n), cacheFile('unnamed', 1n), cacheFile('under way', 2n)]
    expect(await ledger.markCacheFiles(view, files, day)).toBe(0)
    expect(await ledger.markCacheFiles(view, files, 0)).toBe(1)
    expect(await ledger.markCacheFiles(view, files, 0)).toBe(0)
    expect(await markedPaths(day)).toEqual([])
    expect((await ledger.markedFiles(view, 0)).cacheFiles).toEqual([{ path: 'unnamed', sizeBytes: 7 }])
    // Another tile takes the place of one that was named until now: its grace begins.
    await nameTile('tile-2')
    expect(await markedPaths()).toEqual(['unnamed'])
    expect(await ledger.markCacheFiles(view, files, 0)).toBe(1)
    expect(await markedPaths()).toEqual(['tile-1', 'unnamed'])
    expect((await ledger.markedFiles({ ...view, version: 2 }, 0)).cacheFiles).toEqual([])
    await ledger.forgetFiles(view, { ...nothing, cachePaths: ['unnamed'] })
    expect(await markedPaths()).toEqual(['tile-1'])
  })

  test('that are marked stay while something names them again, or a training set pins them', async () => {
    await publishAll(ledger, 'first')
    await commit(ledger, 'rerun-0', 0)
    await publishAll(ledger, 'second')
    const files = [cacheFile('a', 1n), cacheFile('b', 1n)]
    expect(await ledger.markCacheFiles(view, files, 0)).toBe(2)
    await nameTile('a')
    const pin = { setId: 'set', mode: 'knowable', spineDigest: 'digest', by: 'test', keepMs: day } as const
    await ledger.pinTrainingSet({ ...pin, paths: ['b'] })
    expect(await markedPaths()).toEqual([])
    // Named, it was no longer marked: unnamed once more, its grace begins anew.
    expect(await ledger.markCacheFiles(view, files, 0)).toBe(0)
    await nameTile('c')
    expect(await markedPaths()).toEqual([])
    expect(await ledger.markCacheFiles(view, files, 0)).toBe(1)
    expect(await markedPaths()).toEqual(['a'])
  })
})
