/** What a publish is of (R29, R31-R33): chosen when it opens, and read again from the same state when it is resumed. */
import { type Selectable, sql } from 'kysely'
import type { HeldWindow } from '../../core/compute/feature-groups.js'
import type { Commit, OpenPublishRequest, Publish, ViewKey } from '../../core/ports/ledger.js'
import type { DeltaFile, PublishedFile } from '../../core/publish/delta.js'
import { chooseHeldWindows } from '../../core/publish/held-windows.js'
import { firstLoadTableName } from '../../core/publish/online-table-name.js'
import { type ChosenEnd, choosePublishEnd, reachedSpan } from '../../core/publish/publish-end.js'
import { endOfTime, type Instant } from '../../core/time/instant.js'
import { fromIsoInterval, type Interval, overlaps } from '../../core/time/interval.js'
import { isRebuildOf } from './asked-rebuild.js'
import type { Database, OpenTransaction } from './client.js'
import { readCoarseTiles, readShown, validTiles } from './commits.js'
import { isLeftOut, type LeftOut } from './left-out-commits.js'
import { toCommit } from './rows.js'
import type { PublishesTable, ViewVersionsTable } from './schema.js'

/** E, chosen from the intervals committed now. The caller holds the view version. */
export async function chooseEnd(
  trx: OpenTransaction,
  request: OpenPublishRequest,
  floorAt: Instant | null,
  leftOut: LeftOut,
): Promise<ChosenEnd | null> {
  const { window, since, everyNs } = request
  let query = trx
    .selectFrom('intervals')
    .select(['start_at', 'end_at'])
    .where('view', '=', request.view)
    .where('version', '=', request.version)
    .where('commit_id', 'is not', null)
  // Only what decides is read, so that the cost does not grow with the history.
  query =
    window === null
      ? query.orderBy('end_at', 'desc').limit(1)
      : query.where('end_at', '>', floorAt === null ? since : reachedSpan(floorAt, window, since).start)
  if (leftOut.backfills.length > 0)
    query = query.where((row) =>
      row.exists(
        row
          .selectFrom('commits')
          .select('commits.commit_id')
          .whereRef('commits.view', '=', 'intervals.view')
          .whereRef('commits.version', '=', 'intervals.version')
          .whereRef('commits.start_at', '=', 'intervals.start_at')
          .whereRef('commits.end_at', '=', 'intervals.end_at')
          .where(sql<boolean>`not ${isLeftOut(leftOut, 'commits')}`),
      ),
    )
  const rows = await query.execute()
  const committed = rows.map((row) => ({ start: row.start_at, end: row.end_at }))
  return choosePublishEnd({ window, since, everyNs, committed, floorAt })
}

/** R35: features that windows show otherwise at this end. All that is shown is read only where there are such. */
export async function chooseHeld(
  trx: OpenTransaction,
  request: OpenPublishRequest,
  endAt: Instant,
  leftOut: LeftOut,
): Promise<HeldWindow[]> {
  const { window, since, everyNs } = request
  if (window === null) return []
  const reached = reachedSpan(endAt, window, since)
  let holding = trx
    .selectFrom('commits')
    .select('commit_id')
    .where('view', '=', request.view)
    .where('version', '=', request.version)
    .where('held_features', 'is not', null)
    .where('held_rejected', '=', false)
    .where('end_at', '>', reached.start)
    .where('start_at', '<', endAt)
  // What a commit that is left out has replaced counts on, and what it holds, too.
  if (leftOut.backfills.length === 0) holding = holding.where('superseded_by', 'is', null)
  if ((await holding.limit(1).executeTakeFirst()) === undefined) return []
  const shown = await readShown(trx, request, { start: since, end: endOfTime }, leftOut)
  return chooseHeldWindows({
    ...{ window, since, everyNs, endAt },
    committed: shown.map(({ interval }) => interval),
    holding: shown.flatMap(({ interval, held }) =>
      held === undefined || held.isRejected || !overlaps(interval, reached)
        ? []
        : [{ interval, features: held.features }],
    ),
  })
}

/** Where this publish writes: a version that nothing was published of yet is loaded into a table that nobody else has ever written. */
export async function chooseTable(
  trx: OpenTransaction,
  request: OpenPublishRequest,
  view: Selectable<ViewVersionsTable>,
  sequence: bigint,
): Promise<{ readonly table: string; readonly isFirstLoad: boolean }> {
  const plain = { table: view.online_table ?? request.table, isFirstLoad: false }
  if (view.online_table !== null || view.finished_sequence > 0n || request.firstLoadsMax === 0) return plain
  // Without a record nothing was written, nor a table made (R36): what fails before it may be tried for ever.
  const begun = await trx
    .selectFrom('publishes')
    .select('is_first_load')
    .where('view', '=', request.view)
    .where('version', '=', request.version)
    .where('delta', 'is not', null)
    .execute()
  if (begun.length >= request.firstLoadsMax || begun.some((row) => !row.is_first_load)) return plain
  const own = firstLoadTableName(request.table, sequence)
  return own === null ? plain : { table: own, isFirstLoad: true }
}

/** Unmarked commits up to E, of whatever run but those left out, superseded ones included (R33). */
export async function findCovered(
  trx: OpenTransaction,
  key: ViewKey,
  endAt: Instant,
  leftOut: LeftOut,
): Promise<Commit[]> {
  const rows = await trx
    .selectFrom('commits')
    .selectAll()
    .where('view', '=', key.view)
    .where('version', '=', key.version)
    .where('published_sequence', 'is', null)
    .where('end_at', '<=', endAt)
    .$if(leftOut.backfills.length > 0, (query) => query.where(sql<boolean>`not ${isLeftOut(leftOut)}`))
    .orderBy('start_at')
    .orderBy('commit_id')
    .execute()
  return rows.map(toCommit)
}

/** As a value of the statement that opens the publish. */
export function newestCommitId(trx: OpenTransaction, key: ViewKey) {
  const newest = trx
    .selectFrom('commits')
    .select('commit_id')
    .where('view', '=', key.view)
    .where('version', '=', key.version)
    .orderBy('commit_id', 'desc')
    .limit(1)
  return sql<bigint>`coalesce(${newest}, 0)`
}

/** Delta files that earlier publishes recorded and did not finish; one without a record has written nothing (R36). */
export async function findUnfinished(
  trx: OpenTransaction,
  key: ViewKey,
  between: { readonly after: bigint; readonly before: bigint; readonly table: string },
): Promise<DeltaFile[]> {
  const rows = await trx
    .selectFrom('publishes')
    .select('delta')
    .where('view', '=', key.view)
    .where('version', '=', key.version)
    .where('sequence', '>', between.after)
    .where('sequence', '<', between.before)
    // What an abandoned first load wrote stands in a table of its own.
    .where('table_name', '=', between.table)
    .where('state', '=', 'unfinished')
    .orderBy('sequence')
    .execute()
  return rows.flatMap((row) => (row.delta === null ? [] : [row.delta]))
}

/** The publish as its row fixed it. The caller holds the view version. */
export async function readPublish(
  trx: OpenTransaction,
  row: Selectable<PublishesTable>,
  view: Selectable<ViewVersionsTable>,
  { covered, unfinished }: Pick<Publish, 'covered' | 'unfinished'>,
): Promise<Publish> {
  const key = { view: row.view, version: row.version }
  const reached = reachedBy(row)
  const isTrustless = await isRebuild(trx, row, view)
  const current = await readShown(trx, key, reached, row, row.commit_horizon)
  return {
    ...key,
    sequence: row.sequence,
    owner: row.owner,
    table: row.table_name,
    isFirstLoad: row.is_first_load,
    ...(isTrustless ? { isRebuild: true } : {}),
    abandonedTables: view.attempt_tables.filter((table) => table !== row.table_name),
    endAt: row.end_at,
    missing: row.missing.map(fromIsoInterval),
    ...(row.held === null ? {} : { held: row.held }),
    covered,
    replaced: await readReplaced(trx, key, covered, row.sequence),
    current,
    coarse: reached === null || isTrustless ? [] : await readCoarse(trx, key, reached, current),
    // Not to be trusted: as if it were not there.
    published: isTrustless ? null : await readPublishedState(trx, key, view.table_identity),
    unfinished,
    recorded: row.delta,
  }
}

/** The caller holds the view version. */
export async function isRebuild(
  trx: OpenTransaction,
  row: Selectable<PublishesTable>,
  view: Selectable<ViewVersionsTable>,
): Promise<boolean> {
  return await isRebuildOf(trx, row, view, { leftOut: row, horizon: row.commit_horizon, reached: reachedBy(row) })
}

const reachedBy = ({ reached_from: start, end_at: end }: Selectable<PublishesTable>): Interval | null =>
  start === null ? null : { start, end }

export async function readCovered(trx: OpenTransaction, ids: readonly bigint[]): Promise<Commit[]> {
  if (ids.length === 0) return []
  const rows = await trx
    .selectFrom('commits')
    .selectAll()
    .where(sql<boolean>`commit_id = any(${[...ids]}::bigint[])`)
    .orderBy('start_at')
    .orderBy('commit_id')
    .execute()
  return rows.map(toCommit)
}

/**
 * Of each covered interval the version that the last finished publish showed: its rows may have to be taken back (R31). What was
 * shown before that one was taken back then; what an unfinished publish showed stands in its delta.
 */
async function readReplaced(
  trx: OpenTransaction,
  key: ViewKey,
  covered: readonly Commit[],
  sequence: bigint,
): Promise<Commit[]> {
  const intervals = [
    ...new Map(covered.map(({ interval }) => [`${interval.start}/${interval.end}`, interval])).values(),
  ]
  if (intervals.length === 0) return []
  const starts = intervals.map(({ start }) => start)
  const ends = intervals.map(({ end }) => end)
  // One look into the index per interval, whatever the planner knows of the table: joined, it may read the view's whole history.
  const rows = await trx
    .selectFrom(
      sql<{ start_at: bigint; end_at: bigint }>`unnest(${starts}::numeric[], ${ends}::numeric[])`.as<'of'>(
        sql`"of"(start_at, end_at)`,
      ),
    )
    .innerJoinLateral(
      (query) =>
        query
          .selectFrom('commits')
          .selectAll()
          .where('view', '=', key.view)
          .where('version', '=', key.version)
          .where('published_sequence', '<', sequence)
          .whereRef('commits.start_at', '=', 'of.start_at')
          .whereRef('commits.end_at', '=', 'of.end_at')
          .orderBy('commit_id', 'desc')
          .limit(1)
          .as('shown'),
      (join) => join.onTrue(),
    )
    .selectAll('shown')
    .orderBy('shown.start_at')
    .orderBy('shown.end_at')
    .execute()
  return rows.map(toCommit)
}

/** Only tiles that lie wholly in what the windows reach, and stand for what is current there. */
async function readCoarse(trx: OpenTransaction, key: ViewKey, reached: Interval, current: readonly Commit[]) {
  const tiles = await readCoarseTiles(trx, key, reached)
  return validTiles(
    tiles.filter((tile) => tile.span.start >= reached.start && tile.span.end <= reached.end),
    current,
  )
}

export async function readPublishedState(
  trx: Database,
  key: ViewKey,
  tableIdentity: string | null,
): Promise<Publish['published']> {
  if (tableIdentity === null) return null
  const rows = await trx
    .selectFrom('published_files')
    .selectAll()
    .where('view', '=', key.view)
    .where('version', '=', key.version)
    .orderBy('sequence')
    .orderBy('kind')
    .execute()
  const files: PublishedFile[] = rows.map(({ path, digest, sequence, kind }) => ({ path, digest, sequence, kind }))
  return { files, tableIdentity }
}
