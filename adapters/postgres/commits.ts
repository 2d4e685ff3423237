/**
 * Which version of an interval counts (R21, R37). The current one is that of the run with the highest number; what it replaced
 * stays, with the name of its successor, so that the past can be explained.
 */
import { sql } from 'kysely'
import type { LakePart } from '../../core/compute/candidate.js'
import type { HeldFeatures } from '../../core/compute/feature-groups.js'
import type { CoarseTile, Commit, CommitResult, LedgerWriter, ViewKey } from '../../core/ports/ledger.js'
import type { ShownPublish } from '../../core/ports/ledger-quality.js'
import { type Interval, overlaps } from '../../core/time/interval.js'
import type { Database, OpenTransaction, PostgresClient } from './client.js'
import { readIntervalGaps, readIntervalStates } from './interval-states.js'
import { type LeftOut, openBackfillIds, readShownCommits } from './left-out-commits.js'
import { lockInterval } from './locks.js'
import { fromLakePart, toCoarseTile, toCommit } from './rows.js'
import { findRun, numberOf, viewKeyOf } from './runs.js'

export type IntervalCommits = Pick<
  LedgerWriter,
  | 'commitRun'
  | 'recordCoarseTile'
  | 'intervalStates'
  | 'intervalGaps'
  | 'unsettledIntervals'
  | 'currentCommits'
  | 'coarseTiles'
  | 'unmarkedCommits'
>

export function createIntervalCommits(client: PostgresClient): IntervalCommits {
  return {
    commitRun: (request) =>
      client.transact(async (trx): Promise<CommitResult> => {
        const run = await findRunSharing(trx, request.runId)
        const key = viewKeyOf(run)
        const interval = { start: run.start_at, end: run.end_at }
        const { commit_id: currentId } = await lockInterval(trx, key, interval)
        const commits = await trx
          .selectFrom('commits')
          .selectAll()
          .where((row) => row.or([row('run_id', '=', request.runId), row('commit_id', '=', currentId)]))
          .execute()
        const own = commits.find((commit) => commit.run_id === request.runId)
        if (own !== undefined) return { kind: 'already-committed', commitId: own.commit_id }
        const current = commits[0] === undefined ? null : toCommit(commits[0])
        const number = numberOf(run)
        if (current !== null && current.number > number) return { kind: 'superseded', byRunId: current.runId }
        if (current !== null && current.commitId !== request.supersedes)
          return { kind: 'moved', currentCommitId: current.commitId }
        const commitId = await insertCommit(trx, key, {
          interval,
          runId: request.runId,
          number,
          data: request.data,
          isRejected: false,
          replaces: current,
          backfillId: run.backfill_id,
          ...(request.heldFeatures?.length ? { held: { features: request.heldFeatures, isRejected: false } } : {}),
        })
        return { kind: 'committed', commitId }
      }),

    recordCoarseTile: (key, tile) =>
      client.query(async (db) => {
        const data = { ...fromLakePart(tile.data), commit_ids: [...tile.commitIds] }
        await db
          .insertInto('coarse_tiles')
          .values({ view: key.view, version: key.version, start_at: tile.span.start, end_at: tile.span.end, ...data })
          .onConflict((conflict) => conflict.columns(['view', 'version', 'start_at', 'end_at']).doUpdateSet(data))
          .execute()
      }),

    intervalStates: (key, range) => client.query((db) => readIntervalStates(db, key, range)),
    unsettledIntervals: (key, range) => client.query((db) => readIntervalStates(db, key, range, 'unsettled')),
    intervalGaps: (key, range) => client.query((db) => readIntervalGaps(db, key, range)),
    currentCommits: (key, range) => client.query((db) => readCurrentCommits(db, key, range)),

    coarseTiles: (key, range, shown) =>
      client.query(async (db) => {
        const tiles = await readCoarseTiles(db, key, range)
        if (tiles.length === 0) return []
        return validTiles(tiles, await readCommitsAt(db, key, spanOf(tiles), shown ?? null))
      }),

    unmarkedCommits: (key) =>
      client.query(async (db) => {
        const row = await db
          .selectFrom('commits')
          .select((count) => count.fn.countAll<bigint>().as('commits'))
          .where('view', '=', key.view)
          .where('version', '=', key.version)
          .where('published_sequence', 'is', null)
          .where((row) =>
            row.or([row('backfill_id', 'is', null), row('backfill_id', 'not in', openBackfillIds(db, key))]),
          )
          .executeTakeFirstOrThrow()
        return Number(row.commits)
      }),
  }
}

/** @param commitId of the interval's row, read under its lock. */
export async function readCommit(trx: OpenTransaction, commitId: bigint | null): Promise<Commit | null> {
  if (commitId === null) return null
  return toCommit(
    await trx.selectFrom('commits').selectAll().where('commit_id', '=', commitId).executeTakeFirstOrThrow(),
  )
}

export interface NewCommit {
  readonly interval: Interval
  readonly runId: string
  /** Of one that has another commit already (R35). Absent: it has none. */
  readonly decisionId?: string
  readonly number: number
  readonly data: LakePart | null
  readonly isRejected: boolean
  readonly replaces: Commit | null
  /** Of the backfill that made it. Absent: none did. */
  readonly backfillId?: string | null
  /** R35. Absent: it has all features. */
  readonly held?: HeldFeatures
}

/** The caller holds the view version shared and the interval alone, and has compared the numbers. */
export async function insertCommit(trx: OpenTransaction, key: ViewKey, commit: NewCommit): Promise<bigint> {
  const { start, end } = commit.interval
  const { commit_id: commitId } = await trx
    .with('made', (query) =>
      query
        .insertInto('commits')
        .values({
          view: key.view,
          version: key.version,
          start_at: start,
          end_at: end,
          run_id: commit.decisionId ?? commit.runId,
          of_run: commit.decisionId === undefined ? null : commit.runId,
          number: commit.number,
          ...fromLakePart(commit.data),
          ...{ sha256: commit.data?.sha256 ?? null, etag: commit.data?.etag ?? null },
          is_rejected: commit.isRejected,
          supersedes: commit.replaces?.commitId ?? null,
          backfill_id: commit.backfillId ?? null,
          held_features: commit.held === undefined ? null : [...commit.held.features],
          held_rejected: commit.held?.isRejected ?? false,
        })
        .returning('commit_id'),
    )
    .with('replaced', (query) =>
      query
        .updateTable('commits')
        .from('made')
        .set({ superseded_by: sql<bigint>`made.commit_id` })
        .where('commits.commit_id', '=', commit.replaces?.commitId ?? null)
        .returning('commits.commit_id'),
    )
    // R37: a decision on a run below the committed one is refused, so it no longer waits for one.
    .with('outdated', (query) =>
      query
        .updateTable('runs')
        .set({ outcome: 'superseded' })
        .where('view', '=', key.view)
        .where('version', '=', key.version)
        .where('start_at', '=', start)
        .where('end_at', '=', end)
        .where('number', '<', commit.number)
        .where('outcome', '=', 'held')
        .returning('run_id'),
    )
    .updateTable('intervals')
    .from('made')
    .set({ commit_id: sql<bigint>`made.commit_id` })
    .where('view', '=', key.view)
    .where('version', '=', key.version)
    .where('start_at', '=', start)
    .where('end_at', '=', end)
    .returning('made.commit_id')
    .executeTakeFirstOrThrow()
  return commitId
}

/** The run, and its view version held shared from then on. @throws MillcourseError LEDGER_UNKNOWN_RUN */
async function findRunSharing(trx: OpenTransaction, runId: string) {
  const run = await trx
    .selectFrom('runs')
    .innerJoin('view_versions', (join) =>
      join.onRef('view_versions.view', '=', 'runs.view').onRef('view_versions.version', '=', 'runs.version'),
    )
    .select([
      'runs.run_id',
      'runs.view',
      'runs.version',
      'runs.start_at',
      'runs.end_at',
      'runs.number',
      'runs.backfill_id',
    ])
    .where('run_id', '=', runId)
    .forKeyShare('view_versions')
    .executeTakeFirst()
  return run ?? (await findRun(trx, runId))
}

/** Of the state that had `horizon` as its newest commit; absent: now. Oldest first. */
export async function readCurrentCommits(
  db: Database,
  key: ViewKey,
  range: Interval | null,
  horizon?: bigint,
): Promise<Commit[]> {
  let query = db.selectFrom('commits').selectAll().where('view', '=', key.view).where('version', '=', key.version)
  if (range !== null) query = query.where('start_at', '<', range.end).where('end_at', '>', range.start)
  query =
    horizon === undefined
      ? query.where('superseded_by', 'is', null)
      : query
          .where('commit_id', '<=', horizon)
          .where((row) => row.or([row('superseded_by', 'is', null), row('superseded_by', '>', horizon)]))
  return (await query.orderBy('start_at').execute()).map(toCommit)
}

/**
 * What a publish shows of the intervals that overlap `range`, of all where that is null; oldest first.
 * @param horizon the newest commit of its state; absent: now
 */
export async function readShown(
  db: Database,
  key: ViewKey,
  range: Interval | null,
  leftOut: LeftOut,
  horizon?: bigint,
): Promise<Commit[]> {
  return leftOut.backfills.length === 0
    ? await readCurrentCommits(db, key, range, horizon)
    : await readShownCommits(db, key, range, leftOut, horizon)
}

/** Of the state that a finished publish shows, whatever becomes of the backfills that it left out; null: of now. Oldest first. */
export async function readCommitsAt(
  db: Database,
  key: ViewKey,
  range: Interval,
  shown: ShownPublish | null,
): Promise<Commit[]> {
  if (shown === null) return await readCurrentCommits(db, key, range)
  const publish = await db
    .selectFrom('publishes')
    .select(['sequence', 'covered', 'backfills'])
    .where('view', '=', key.view)
    .where('version', '=', key.version)
    .where('sequence', '=', shown.sequence)
    .executeTakeFirst()
  return publish === undefined
    ? await readCurrentCommits(db, key, range, shown.newestCommitId)
    : await readShown(db, key, range, publish, shown.newestCommitId)
}

/** Spans that overlap `range`, valid or not. */
export async function readCoarseTiles(db: Database, key: ViewKey, range: Interval): Promise<CoarseTile[]> {
  const rows = await db
    .selectFrom('coarse_tiles')
    .selectAll()
    .where('view', '=', key.view)
    .where('version', '=', key.version)
    .where('start_at', '<', range.end)
    .where('end_at', '>', range.start)
    .orderBy('start_at')
    .execute()
  return rows.map(toCoarseTile)
}

export async function forgetCoarseTiles(db: Database, { view, version }: ViewKey): Promise<void> {
  await db.deleteFrom('coarse_tiles').where('view', '=', view).where('version', '=', version).execute()
}

/** A coarse tile stands for exactly the commits it was merged from: those that are current in its span, no more, no fewer. */
export function validTiles(tiles: readonly CoarseTile[], current: readonly Commit[]): CoarseTile[] {
  return tiles.filter((tile) => {
    const inSpan = current.filter((commit) => overlaps(commit.interval, tile.span))
    const merged = new Set(tile.commitIds)
    return inSpan.length === merged.size && inSpan.every((commit) => merged.has(commit.commitId))
  })
}

function spanOf(tiles: readonly CoarseTile[]): Interval {
  return { start: tiles[0]!.span.start, end: tiles.at(-1)!.span.end }
}
