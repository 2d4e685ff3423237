/**
 * Which files of a view version may go (core/ports/compaction-ledger.ts). Each rule leaves of every version of an interval that somebody
 * may still ask for one place where its rows lie:
 *
 *     own file        goes when a current compaction stands for it, or when the version counts no longer
 *     compaction      goes when it is superseded, and each of its commits lies elsewhere or counts no longer
 */
import { type RawBuilder, sql } from 'kysely'
import type { CompactionWriter, FileRetention } from '../../core/ports/compaction-ledger.js'
import type { ViewKey } from '../../core/ports/ledger.js'
import type { Database, OpenTransaction, PostgresClient } from './client.js'
import { lockViewVersion } from './locks.js'

export type FileRemoval = Pick<CompactionWriter, 'markFiles' | 'markCacheFiles' | 'markedFiles' | 'forgetFiles'>

/** An attempt that has not ended for so long has died: a step is given up long before. */
const attemptHoursMax = 24
const filesAtOnce = 5_000

export function createFileRemoval(client: PostgresClient): FileRemoval {
  return {
    markFiles: (key, retention) =>
      client.transact(async (trx) => {
        // Alone: nothing is committed, and no publish opens, while it is decided what is needed.
        await lockViewVersion(trx, key)
        const commitFiles = await markOwnFiles(trx, key, retention)
        const compactions = await markCompactions(trx, key, retention)
        return { commitFiles, compactions }
      }),

    markedFiles: (key, graceMs) =>
      client.query(async (db) => {
        const isPast = sql<boolean>`removing_at <= ${before(graceMs)}`
        const commits = await db
          .selectFrom('commits')
          .select(['commit_id', 'path', 'size_bytes'])
          .where('view', '=', key.view)
          .where('version', '=', key.version)
          .where('removed_at', 'is', null)
          .where(isPast)
          .where(isFree(db, sql`array[commits.path]`))
          .where(({ not, exists }) => not(exists(unmarkedTwin(db))))
          .orderBy('commit_id')
          .limit(filesAtOnce)
          .execute()
        const compactions = await db
          .selectFrom('compactions')
          .select('compaction_id')
          .where('view', '=', key.view)
          .where('version', '=', key.version)
          .where(isPast)
          .where(isFree(db, pathsOfCompaction))
          .orderBy('compaction_id')
          .execute()
        return {
          commits: commits.map((row) => ({
            commitId: row.commit_id,
            path: row.path!,
            sizeBytes: Number(row.size_bytes),
          })),
          compactionIds: compactions.map((row) => row.compaction_id),
          cacheFiles: (await markedCacheFiles(db, key, graceMs)).map((row) => ({
            path: row.path,
            sizeBytes: Number(row.size_bytes),
          })),
        }
      }),

    forgetFiles: (key, { commitIds, compactionIds, cachePaths }) =>
      client.transact(async (trx) => {
        await trx
          .updateTable('commits')
          .set({ removed_at: sql`clock_timestamp()` })
          .where('view', '=', key.view)
          .where('version', '=', key.version)
          .where(sql<boolean>`commit_id = any(${[...commitIds]}::bigint[])`)
          .where('removing_at', 'is not', null)
          .execute()
        await trx
          .deleteFrom('compactions')
          .where('view', '=', key.view)
          .where('version', '=', key.version)
          .where(sql<boolean>`compaction_id = any(${[...compactionIds]}::bigint[])`)
          .where('removing_at', 'is not', null)
          .execute()
        await trx
          .deleteFrom('unnamed_files')
          .where('view', '=', key.view)
          .where('version', '=', key.version)
          .where(sql<boolean>`path = any(${[...cachePaths]}::text[])`)
          .execute()
      }),

    markCacheFiles: (key, files, keptMs) =>
      client.transact(async (trx) => {
        const settled = await settledSequence(trx, key, keptMs)
        const named = namedCachePaths(trx, key)
        // Named once more, by a publish that was given up for dead: its time begins anew.
        await trx
          .deleteFrom('unnamed_files')
          .where('view', '=', key.view)
          .where('version', '=', key.version)
          .where('path', 'in', named)
          .execute()
        const old = files.filter(({ sequence }) => sequence < settled)
        if (old.length === 0) return 0
        const paths = sql<string[]>`${old.map(({ path }) => path)}::text[]`
        const sizes = sql<bigint[]>`${old.map(({ sizeBytes }) => BigInt(sizeBytes))}::bigint[]`
        const { numInsertedOrUpdatedRows } = await trx
          .insertInto('unnamed_files')
          .columns(['view', 'version', 'path', 'size_bytes'])
          .expression((query) =>
            query
              .selectFrom(
                sql<{ path: string; size_bytes: bigint }>`unnest(${paths}, ${sizes})`.as<'of'>(
                  sql`"of"(path, size_bytes)`,
                ),
              )
              .select([
                sql.val(key.view).as('view'),
                sql<number>`${key.version}::integer`.as('version'),
                'path',
                'size_bytes',
              ])
              .where('path', 'not in', named),
          )
          .onConflict((conflict) => conflict.doNothing())
          .executeTakeFirst()
        return Number(numInsertedOrUpdatedRows ?? 0)
      }),
  }
}

export const before = (ms: number) =>
  sql<bigint>`clock_timestamp() - ${ms}::double precision * interval '1 millisecond'`

/** Of bases, deltas and coarse tiles that are there to be read. */
function namedCachePaths(db: Database, key: ViewKey) {
  const ofView = <T extends 'published_files' | 'coarse_tiles'>(table: T) =>
    db
      .selectFrom(table as 'published_files')
      .select('path')
      .where('view', '=', key.view)
      .where('version', '=', key.version)
  return ofView('published_files').unionAll(ofView('coarse_tiles').where('path', 'is not', null))
}

/** Files of a publish with a higher sequence may be about to be named. */
async function settledSequence(db: Database, key: ViewKey, keptMs: number): Promise<bigint> {
  const settled = await db
    .selectFrom('publishes')
    .select((row) => row.fn.max('sequence').as('sequence'))
    .where('view', '=', key.view)
    .where('version', '=', key.version)
    .where('state', '=', 'finished')
    .where(sql<boolean>`finished_at <= ${before(keptMs)}`)
    .executeTakeFirst()
  return settled?.sequence ?? 0n
}

function markedCacheFiles(db: Database, key: ViewKey, graceMs: number) {
  return db
    .selectFrom('unnamed_files')
    .select(['path', 'size_bytes'])
    .where('view', '=', key.view)
    .where('version', '=', key.version)
    .where(sql<boolean>`marked_at <= ${before(graceMs)}`)
    .where('path', 'not in', namedCachePaths(db, key))
    .where(isFree(db, sql`array[unnamed_files.path]`))
    .orderBy('path')
    .limit(filesAtOnce)
    .execute()
}

const pathsOfCompaction = sql`array(select file->>'path' from json_array_elements(compactions.files) as file)`

/** No training set pins any of these paths. */
export function isFree(db: Database, paths: RawBuilder<unknown>): RawBuilder<boolean> {
  const pinning = db
    .selectFrom('training_sets')
    .select('set_id')
    .where('expires_at', '>', sql<bigint>`clock_timestamp()`)
    .where(sql<boolean>`training_sets.paths && ${paths}`)
  return sql<boolean>`not exists (${pinning})`
}

/** Of `commits` outside: another of its interval reads the same file, since a feature of it was decided on (R35). */
function unmarkedTwin(db: Database) {
  return db
    .selectFrom('commits as twin')
    .select('twin.commit_id')
    .where(sql<boolean>`twin.view = commits.view and twin.version = commits.version`)
    .where(sql<boolean>`twin.start_at = commits.start_at and twin.path = commits.path`)
    .where('twin.removing_at', 'is', null)
}

/** Of `commits` outside: another has taken its place for so long, and no publish has to take its rows back (R31). */
function countsNoLonger(db: Database, { supersededKeptMs, isOnline }: FileRetention): RawBuilder<boolean> {
  const successor = db
    .selectFrom('commits as successor')
    .select('successor.commit_id')
    .where(sql<boolean>`successor.commit_id = commits.superseded_by`)
    .where('successor.committed_at', '<=', before(supersededKeptMs))
  if (!isOnline) return sql<boolean>`exists (${successor})`
  const later = db
    .selectFrom('commits as later')
    .select('later.commit_id')
    .where(sql<boolean>`later.view = commits.view and later.version = commits.version`)
    .where(sql<boolean>`later.start_at = commits.start_at and later.end_at = commits.end_at`)
    .where(sql<boolean>`later.commit_id > commits.commit_id`)
    .where('later.published_sequence', 'is not', null)
  return sql<boolean>`(exists (${successor}) and commits.published_sequence is not null and exists (${later}))`
}

async function markOwnFiles(trx: OpenTransaction, key: ViewKey, retention: FileRetention): Promise<number> {
  const held = trx
    .selectFrom('compactions')
    .select(sql<bigint>`unnest(commit_ids)`.as('commit_id'))
    .where('view', '=', key.view)
    .where('version', '=', key.version)
    .where('state', '=', 'current')
    .where('recorded_at', '<=', before(retention.compactedKeptMs))
  const { numUpdatedRows } = await trx
    .updateTable('commits')
    .set({ removing_at: sql`clock_timestamp()` })
    .where('view', '=', key.view)
    .where('version', '=', key.version)
    .where('path', 'is not', null)
    .where('removing_at', 'is', null)
    .where((row) => row.or([row('commit_id', 'in', held), countsNoLonger(trx, retention)]))
    // What awaits a decision is accepted from its own file (R35).
    .where(sql<boolean>`(held_features is null or held_rejected or superseded_by is not null)`)
    .where(isFree(trx, sql`array[commits.path]`))
    .executeTakeFirst()
  return Number(numUpdatedRows)
}

async function markCompactions(trx: OpenTransaction, key: ViewKey, retention: FileRetention): Promise<number> {
  // Two superseded ones that hold the same do not go for each other's sake: of them only the newer one stands for it.
  const standIn = trx
    .selectFrom('compactions as other')
    .select('other.compaction_id')
    .where('other.view', '=', key.view)
    .where('other.version', '=', key.version)
    .where(
      sql<boolean>`(other.state = 'current' or (other.state = 'superseded' and other.compaction_id > compactions.compaction_id))`,
    )
    .where('other.removing_at', 'is', null)
    .where(sql<boolean>`commits.commit_id = any(other.commit_ids)`)
  const needed = trx
    .selectFrom('commits')
    .select('commits.commit_id')
    .where(sql<boolean>`commits.commit_id = any(compactions.commit_ids)`)
    .where('commits.removing_at', 'is not', null)
    .where(sql<boolean>`not exists (${standIn})`)
    .where(sql<boolean>`not ${countsNoLonger(trx, retention)}`)
  const died = sql<boolean>`(state = 'writing' and started_at <= ${before(attemptHoursMax * 3_600_000)})`
  const outdated = sql<boolean>`(state = 'superseded' and superseded_at <= ${before(retention.compactedKeptMs)}
    and not exists (${needed}))`
  const { numUpdatedRows } = await trx
    .updateTable('compactions')
    .set({
      removing_at: sql`clock_timestamp()`,
      state: sql<'given-up'>`case when state = 'writing' then 'given-up' else state end`,
    })
    .where('view', '=', key.view)
    .where('version', '=', key.version)
    .where('removing_at', 'is', null)
    .where((row) => row.or([died, outdated]))
    .where(isFree(trx, pathsOfCompaction))
    .executeTakeFirst()
  return Number(numUpdatedRows)
}
