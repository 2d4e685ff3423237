import { describe, expect, test } from 'vitest'
import type { LedgerWriter } from '../../core/ports/ledger.js'
import { ledgerProject } from '../support/ledger-project.js'
import {
  allTime,
  candidateOf,
  commit,
  end,
  fail,
  hour,
  hourNs,
  part,
  pin,
  publishAll,
  startOf,
  view,
} from '../support/ledger-steps.js'
import type { TestProject } from '../support/postgres.js'

let project: TestProject
let ledger: LedgerWriter
ledgerProject((opened) => {
  project = opened
  ledger = opened.ledger
})

describe('runs', () => {
  test('R37: runs of an interval are numbered when they are pinned, the same run once', async () => {
    await ledger.startRun(startOf('early', 0))
    expect(await pin(ledger, 'late', 0)).toEqual({ number: 1, supersedes: null })
    const pins = { files: [], inputsHash: 'x' }
    expect(await ledger.pinRun('early', pins, 0n)).toEqual({ number: 2, supersedes: null })
    expect(await ledger.pinRun('early', { ...pins, inputsHash: 'other' }, 0n)).toEqual({ number: 2, supersedes: null })
    expect((await ledger.run('early'))?.pins).toEqual(pins)
    expect(await pin(ledger, 'elsewhere', 1)).toEqual({ number: 1, supersedes: null })
  })

  test('R37: many runs pinned at once get different numbers', async () => {
    const names = Array.from({ length: 12 }, (_, index) => `r${index}`)
    const ledgers = [ledger, project.connectAgain().ledger]
    const pinned = await Promise.all(names.map((name, index) => pin(ledgers[index % 2]!, name, 0)))
    expect(pinned.map((one) => one.number).sort((a, b) => a - b)).toEqual(names.map((_, index) => index + 1))
  })

  test('starting a run twice is starting it once', async () => {
    await ledger.startRun(startOf('r', 0))
    await pin(ledger, 'r', 0)
    await ledger.startRun(startOf('r', 0))
    expect((await ledger.run('r'))?.number).toBe(1)
    expect(await ledger.runs({ limit: 10 })).toHaveLength(1)
  })

  test('the first recorded candidate counts, and each step adds its own', async () => {
    await pin(ledger, 'r', 0)
    const profile = { ...emptyProfile, columns: [column('delay', Number.POSITIVE_INFINITY, Number.NaN)] }
    await ledger.recordProgress('r', { candidate: candidateOf('r') })
    await ledger.recordProgress('r', { candidate: { ...candidateOf('r'), data: part('another attempt') }, profile })
    const run = await ledger.run('r')
    expect(run?.candidate).toEqual(candidateOf('r'))
    expect(run?.profile).toEqual(profile)
    expect(run?.verdict).toBeNull()
  })

  test('the first end counts; committed may still become done', async () => {
    const { supersedes } = await pin(ledger, 'r', 0)
    await ledger.commitRun({ runId: 'r', data: null, supersedes })
    expect(await end(ledger, 'r', 'committed')).toBe('committed')
    const failed = { outcome: 'failed', error: runError('INTERNAL'), keyCounts: null, measures: null } as const
    expect(await ledger.endRun('r', failed)).toBeNull()
    expect(await ledger.run('r')).toMatchObject({ outcome: 'committed', error: null })
    expect(await end(ledger, 'r', 'done')).toBeNull()
    expect((await ledger.run('r'))?.outcome).toBe('done')
    expect(await end(ledger, 'r', 'superseded')).toBeNull()
    expect((await ledger.run('r'))?.outcome).toBe('done')
  })

  test('a run that was not ready keeps for what it waited, as one that failed does its source, and no later end adds to that', async () => {
    const waitedFor = { because: 'hour=00/_SUCCESS is not there yet', source: 'sales', view: 'below' }
    const notReady = { outcome: 'not-ready', error: null, keyCounts: null, measures: null } as const
    await ledger.startRun(startOf('r', 0))
    expect((await ledger.run('r'))?.waitedFor).toBeUndefined()
    await ledger.endRun('r', { ...notReady, waitedFor })
    await ledger.endRun('r', { ...notReady, waitedFor: { ...waitedFor, source: 'other' } })
    expect((await ledger.run('r'))?.waitedFor).toEqual(waitedFor)
    const sourceOf = async (index: number) => (await ledger.intervalStates(view, hour(index)))[0]?.latestRun?.source
    expect(await sourceOf(0)).toBe('sales')
    await ledger.startRun(startOf('s', 1))
    const error = { ...runError('SOURCE_FILE_CORRUPT'), facts: { source: 'shops' } }
    await ledger.endRun('s', { ...notReady, outcome: 'failed', error })
    expect(await sourceOf(1)).toBe('shops')
  })

  test('a run that waits says for what it does now, until its inputs are pinned', async () => {
    const waitedFor = { because: 'hour=00/_SUCCESS is not there yet', source: 'sales' }
    await ledger.startRun(startOf('r', 0))
    for (const source of ['shops', 'sales']) await ledger.recordProgress('r', { waitedFor: { ...waitedFor, source } })
    expect(await ledger.run('r')).toMatchObject({ outcome: 'running', waitedFor })
    await pin(ledger, 'r', 0)
    expect((await ledger.run('r'))?.waitedFor).toBeUndefined()
    await ledger.startRun(startOf('s', 1))
    await ledger.recordProgress('s', { waitedFor })
    await ledger.endRun('s', { outcome: 'skipped', error: null, keyCounts: null, measures: null })
    expect((await ledger.run('s'))?.waitedFor).toBeUndefined()
  })

  test('an error is kept as it was said, NUL characters included', async () => {
    await ledger.startRun(startOf('r', 0))
    const error = { ...runError('SOURCE_FILE_CORRUPT'), message: 'bad \u0000 byte \ud800' }
    await ledger.endRun('r', { outcome: 'failed', error, keyCounts: null, measures: null })
    expect((await ledger.run('r'))?.error).toEqual(error)
    expect((await ledger.intervalStates(view, hour(0)))[0]?.latestRun?.errorCode).toBe('SOURCE_FILE_CORRUPT')
  })

  test('a run that ends after a publish has covered its commit is done', async () => {
    const { supersedes } = await pin(ledger, 'r', 0)
    await ledger.commitRun({ runId: 'r', data: null, supersedes })
    await publishAll(ledger, 'another')
    expect(await end(ledger, 'r', 'committed')).toBe('done')
    expect((await ledger.run('r'))?.outcome).toBe('done')
  })

  test('R33: a run that failed of its own publish is done once another one has carried its commit online, and keeps why', async () => {
    const failed = async (runId: string, step: string) => {
      const error = { code: 'PUBLISH_ACCESS_DENIED', message: 'denied\0', hint: null, facts: {}, step, attempts: 1 }
      return ledger.endRun(runId, { outcome: 'failed', error, keyCounts: null, measures: null })
    }
    for (const [index, runId] of ['of-publish', 'of-record', 'under-way'].entries()) {
      const { supersedes } = await pin(ledger, runId, index)
      await ledger.commitRun({ runId, data: part(runId), supersedes })
    }
    expect(await failed('of-publish', 'publish')).toBe('failed')
    expect(await failed('of-record', 'record')).toBe('failed')
    await publishAll(ledger, 'later')
    expect(await ledger.run('of-publish')).toMatchObject({ outcome: 'done', error: { code: 'PUBLISH_ACCESS_DENIED' } })
    expect(await ledger.run('of-record')).toMatchObject({ outcome: 'failed' })
    // Another publish may be sooner than the end of the one that failed.
    expect(await failed('under-way', 'publish')).toBe('done')
    expect(await ledger.run('under-way')).toMatchObject({ outcome: 'done', error: { step: 'publish' } })
    const states = await ledger.intervalStates(view, allTime)
    expect(states.map(({ latestRun }) => latestRun?.outcome)).toEqual(['done', 'failed', 'done'])
  })

  test('an unknown run is an error that names it', async () => {
    await expect(ledger.pinRun('nobody', { files: [], inputsHash: '' }, 0n)).rejects.toMatchObject({
      code: 'LEDGER_UNKNOWN_RUN',
      detail: { facts: { runId: 'nobody' } },
    })
    await expect(ledger.recordProgress('nobody', {})).rejects.toMatchObject({ code: 'LEDGER_UNKNOWN_RUN' })
    expect(await ledger.run('nobody')).toBeNull()
  })

  test('runs are listed newest first, by view, outcome, interval and page', async () => {
    for (const [index, name] of ['a', 'b', 'c'].entries()) await commit(ledger, name, index)
    await fail(ledger, 'd', 3)
    await pin(ledger, 'e', 0, { view: 'other' })
    const ids = async (filter: Parameters<LedgerWriter['runs']>[0]) => (await ledger.runs(filter)).map((r) => r.runId)
    expect(await ids({ limit: 10 })).toEqual(['e', 'd', 'c', 'b', 'a'])
    expect(await ids({ limit: 2, before: 'd' })).toEqual(['c', 'b'])
    expect(await ids({ limit: 10, view: view.view, outcomes: ['failed'] })).toEqual(['d'])
    expect(await ids({ limit: 10, view: view.view, interval: hour(1) })).toEqual(['b'])
    await pin(ledger, 'f', 1)
    await pin(ledger, 'g', 1, { version: 2 })
    expect(await ids({ limit: 10, view: view.view, interval: hour(1) })).toEqual(['g', 'f', 'b'])
    expect(await ids({ limit: 10, of: { ...view, interval: hour(1) } })).toEqual(['f', 'b'])
    expect(await ids({ limit: 10, of: { ...view, interval: { ...hour(1), end: hour(2).end } } })).toEqual([])
  })

  test('the last good run is of the newest interval up to the given one, whenever it ran', async () => {
    for (const [index, name] of ['a', 'b', 'c'].entries()) await commit(ledger, name, index)
    await commit(ledger, 'b again', 1)
    await fail(ledger, 'd', 2)
    await commit(ledger, 'much later', 7)
    await commit(ledger, 'd repaired', 2)
    const goodBefore = async (index: number, runId: string | null) =>
      (await ledger.lastGoodRun(view, { interval: hour(index), runId }))?.runId
    // Of its own interval only what ran before it: that is what it would have replaced.
    expect(await goodBefore(2, 'd')).toBe('c')
    expect(await goodBefore(2, 'c')).toBe('b again')
    expect(await goodBefore(5, null)).toBe('d repaired')
    expect(await goodBefore(7, null)).toBe('much later')
    expect(await goodBefore(0, 'a')).toBeUndefined()
    expect(await ledger.lastGoodRun({ ...view, version: 2 }, { interval: hour(7), runId: null })).toBeNull()
  })
})

describe('commits', () => {
  test('R37: a commit by a run below the committed one is superseded; by the same run it is that commit', async () => {
    await pin(ledger, 'old', 0)
    const newer = await commit(ledger, 'new', 0)
    expect(newer.kind).toBe('committed')
    const late = { runId: 'old', data: part('old'), supersedes: null }
    expect(await ledger.commitRun(late)).toEqual({ kind: 'superseded', byRunId: 'new' })
    expect(await ledger.commitRun({ runId: 'new', data: part('other'), supersedes: null })).toEqual({
      kind: 'already-committed',
      commitId: (newer as { commitId: bigint }).commitId,
    })
    expect(await ledger.currentCommits(view, allTime)).toMatchObject([{ runId: 'new', data: part('new') }])
  })

  test('R36: a run commits only over the version it was planned against', async () => {
    await pin(ledger, 'a', 1)
    await pin(ledger, 'b', 1)
    const committed = await ledger.commitRun({ runId: 'a', data: part('a'), supersedes: null })
    expect(await ledger.commitRun({ runId: 'b', data: part('b'), supersedes: null })).toEqual({
      kind: 'moved',
      currentCommitId: (committed as { commitId: bigint }).commitId,
    })
    expect(await ledger.currentCommits(view, allTime)).toMatchObject([{ runId: 'a' }])
  })

  test('R36: of two that commit over the same version at once, exactly one does', async () => {
    const other = project.connectAgain().ledger
    for (let round = 0; round < 10; round += 1) {
      await Promise.all([pin(ledger, `a${round}`, round), pin(other, `b${round}`, round)])
      const results = await Promise.all([
        ledger.commitRun({ runId: `a${round}`, data: part('a'), supersedes: null }),
        other.commitRun({ runId: `b${round}`, data: part('b'), supersedes: null }),
      ])
      expect(results.filter((result) => result.kind === 'committed')).toHaveLength(1)
      expect(await ledger.currentCommits(view, hour(round))).toHaveLength(1)
    }
  })

  test('R31: the replaced version stays, and the new one counts', async () => {
    await commit(ledger, 'first', 0)
    await commit(ledger, 'second', 0)
    expect((await ledger.currentCommits(view, allTime)).map((one) => one.runId)).toEqual(['second'])
    expect(await ledger.unmarkedCommits(view)).toBe(2)
    expect((await ledger.run('first'))?.outcome).toBe('committed')
  })

  test('intervals tell what counts, what ran last and why they must run again', async () => {
    await commit(ledger, 'good', 0)
    await fail(ledger, 'bad', 0)
    await ledger.startRun(startOf('nothing new', 0))
    await ledger.endRun('nothing new', { outcome: 'skipped', error: null, keyCounts: null, measures: null })
    await ledger.reopenIntervals(view, [hour(0), hour(7)], 'late file part-1.parquet')
    await ledger.reopenIntervals(view, [], 'nothing')
    expect(await ledger.intervalStates(view, allTime)).toEqual([
      {
        interval: hour(0),
        committed: { commitId: expect.any(BigInt), runId: 'good', number: 1, isEmpty: false, isPublished: false },
        latestRun: {
          runId: 'bad',
          number: null,
          outcome: 'failed',
          errorCode: 'SOURCE_FILE_CORRUPT',
          inputsHash: null,
          definitionHash: 'definition',
        },
        reopenedBecause: 'late file part-1.parquet',
        reopens: 1n,
      },
    ])
    await pin(ledger, 'again', 0)
    expect((await ledger.intervalStates(view, allTime))[0]?.reopenedBecause).toBeNull()
    expect(await ledger.intervalStates(view, { start: hour(0).end, end: hour(9).end })).toEqual([])
  })

  test('R27: what is re-opened while its run is under way stays re-opened, also when the run commits', async () => {
    const { supersedes } = await pin(ledger, 'r', 0)
    await ledger.reopenIntervals(view, [hour(0)], 'late file')
    await ledger.pinRun('r', { files: [], inputsHash: 'again' }, 1n)
    await ledger.commitRun({ runId: 'r', data: null, supersedes })
    expect((await ledger.intervalStates(view, allTime))[0]).toMatchObject({
      reopenedBecause: 'late file',
      committed: { isEmpty: true },
    })
  })

  test('R27: pinning clears only the re-openings seen before the files were listed, also when the reason is the same', async () => {
    await commit(ledger, 'first', 0)
    const reopen = () => ledger.reopenIntervals(view, [hour(0)], 'late file')
    const stateOf = async () => (await ledger.intervalStates(view, allTime))[0]!
    await reopen()
    const { reopens } = await stateOf()
    await reopen()
    const pins = { files: [], inputsHash: 'x' }
    await ledger.startRun(startOf('listed between the two', 0))
    await ledger.pinRun('listed between the two', pins, reopens)
    expect(await stateOf()).toMatchObject({ reopenedBecause: 'late file', reopens: 2n })
    await ledger.startRun(startOf('listed after both', 0))
    await ledger.pinRun('listed after both', pins, 2n)
    expect(await stateOf()).toMatchObject({ reopenedBecause: null, reopens: 2n })
  })

  test('R11: instants far outside 64-bit nanoseconds are exact', async () => {
    const interval = { start: -(10n ** 23n) - 1n, end: 10n ** 23n + 7n }
    await pin(ledger, 'wide', 0, { interval })
    expect((await ledger.run('wide'))?.interval).toEqual(interval)
    expect((await ledger.intervalStates(view, { start: -(10n ** 25n), end: 10n ** 25n }))[0]?.interval).toEqual(
      interval,
    )
  })

  test('R9: a coarse tile counts while exactly the commits it was merged from are the current ones of its span', async () => {
    await commit(ledger, 'a', 0)
    await commit(ledger, 'b', 1)
    const span = { start: hour(0).start, end: hour(2).end }
    const commitIds = (await ledger.currentCommits(view, span)).map((one) => one.commitId)
    const tile = { span, data: part('coarse'), commitIds }
    await ledger.recordCoarseTile(view, { ...tile, data: null })
    await ledger.recordCoarseTile(view, tile)
    expect(await ledger.coarseTiles(view, allTime)).toEqual([tile])
    expect(await ledger.coarseTiles(view, { start: span.end, end: span.end + hourNs })).toEqual([])
    await ledger.recordCoarseTile(view, { ...tile, commitIds: [...commitIds, 99n] })
    expect(await ledger.coarseTiles(view, allTime)).toEqual([])
    await ledger.recordCoarseTile(view, tile)
    await commit(ledger, 'c', 2)
    expect(await ledger.coarseTiles(view, allTime)).toEqual([])
    await ledger.recordCoarseTile(view, { ...tile, commitIds: [...commitIds, 3n] })
    expect(await ledger.coarseTiles(view, allTime)).toHaveLength(1)
    await commit(ledger, 'a again', 0)
    expect(await ledger.coarseTiles(view, allTime)).toEqual([])
  })
})

describe('sources', () => {
  test('footers are found again by the time they touch; one without statistics always', async () => {
    const file = { etag: 'e', sizeBytes: 2 ** 40, rows: 3 }
    const files = [
      { ...file, uri: 'a', eventMin: hour(0).start, eventMax: hour(1).start },
      { ...file, uri: 'b', eventMin: hour(5).start, eventMax: 10n ** 23n },
      { ...file, uri: 'c', eventMin: null, eventMax: null },
    ]
    await ledger.indexFiles('flights', files)
    await ledger.indexFiles('flights', files)
    await ledger.indexFiles('empty', [])
    const found = async (index: number) => (await ledger.indexedFiles('flights', hour(index))).map((one) => one.uri)
    expect(await found(0)).toEqual(['a', 'c'])
    expect(await found(1)).toEqual(['a', 'c'])
    expect(await found(2)).toEqual(['c'])
    expect(await found(4)).toEqual(['c'])
    expect(await ledger.indexedFiles('flights', hour(9))).toEqual([files[1], files[2]])
  })

  test('more footers than one statement takes', async () => {
    const many = Array.from({ length: 12_345 }, (_, index) => ({
      uri: `part-${String(index).padStart(5, '0')}`,
      etag: 'e',
      sizeBytes: 1,
      eventMin: hour(0).start,
      eventMax: hour(0).start,
      rows: 1,
    }))
    await ledger.indexFiles('flights', many)
    expect(await ledger.indexedFiles('flights', hour(0))).toEqual(many)
  })
})

const emptyProfile = {
  rowsRead: 0,
  rowsKept: 0,
  nullKeys: 0,
  nullEventTimes: 0,
  keysDistinctApproximate: 0,
  duplicateRows: 0,
}

function column(name: string, max: number, mean: number) {
  const unknown = { standardDeviation: null, min: null, p1: null, p25: null, p50: null, p75: null, p99: null }
  return { feature: name, column: name, values: 1, nulls: 0, nans: 1, distinctApproximate: 1, ...unknown, max, mean }
}

function runError(code: string) {
  return { code, message: 'it broke', hint: 'mend it', facts: { file: 'x' }, step: 'read', attempts: 1 }
}
