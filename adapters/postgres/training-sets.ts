/** What training sets are made of and keep: the publishes of the past (R30), and the files that no retention may take. */
import { type Selectable, sql } from 'kysely'
import type { LedgerWriter } from '../../core/ports/ledger.js'
import type { PostgresClient } from './client.js'
import { isFree } from './file-removal.js'
import { toHeld, toLakePart } from './rows.js'
import type { CommitsTable } from './schema.js'

export type TrainingSets = Pick<LedgerWriter, 'publishHistory' | 'trainingSet' | 'pinnedPaths' | 'pinTrainingSet'>

export function createTrainingSets(client: PostgresClient): TrainingSets {
  return {
    publishHistory: (key, until) =>
      client.query(async (db) => {
        const finished = db
          .selectFrom('publishes')
          .where('view', '=', key.view)
          .where('version', '=', key.version)
          .where('state', '=', 'finished')
        const all = await finished
          .select(['sequence', 'end_at', 'finished_at', 'commit_horizon', 'backfills', 'held'])
          .orderBy('sequence')
          .execute()
        const publishes = all.filter((row) => row.finished_at! <= until)
        if (publishes.length === 0) return { publishes: [], commits: [] }
        const commits = await db
          .selectFrom('commits')
          .selectAll()
          // Marked and pinned it stays, and the set that asks pins it, too.
          .select(
            sql<boolean>`removed_at is not null or (removing_at is not null and ${isFree(db, sql`array[commits.path]`)})`.as(
              'is_removed',
            ),
          )
          .where('view', '=', key.view)
          .where('version', '=', key.version)
          .where('commit_id', '<=', publishes.at(-1)!.commit_horizon)
          .orderBy('start_at')
          .orderBy('commit_id')
          .execute()
        return {
          publishes: publishes.map((row) => ({
            sequence: row.sequence,
            endAt: row.end_at,
            recordedAt: row.finished_at!,
            newestCommitId: row.commit_horizon,
            ...leftOutOf(row, commits),
            ...(row.held === null ? {} : { held: row.held }),
          })),
          commits: commits.map((row) => ({
            commitId: row.commit_id,
            interval: { start: row.start_at, end: row.end_at },
            data: toLakePart(row),
            supersededBy: row.superseded_by,
            ...toHeld(row),
            ...(row.is_removed ? { isRemoved: true as const } : {}),
          })),
        }
      }),

    trainingSet: (setId) =>
      client.query(async (db) => {
        const row = await db.selectFrom('training_sets').selectAll().where('set_id', '=', setId).executeTakeFirst()
        if (row === undefined) return null
        const { mode, spine_digest: spineDigest, pinned_by: by } = row
        return { setId, mode, spineDigest, by, createdAt: row.created_at, expiresAt: row.expires_at }
      }),

    pinnedPaths: (paths) =>
      client.query(async (db) => {
        const asked = sql<string[]>`${[...paths]}::text[]`
        const rows = await db
          .selectFrom('training_sets')
          .select(sql<string[]>`array(select unnest(paths) intersect select unnest(${asked}))`.as('pinned'))
          .where(sql<boolean>`paths && ${asked}`)
          .where('expires_at', '>', sql<bigint>`clock_timestamp()`)
          .execute()
        return [...new Set(rows.flatMap(({ pinned }) => pinned))].sort()
      }),

    pinTrainingSet: (set) =>
      client.transact(async (trx) => {
        await trx.deleteFrom('training_sets').where('expires_at', '<=', sql<bigint>`clock_timestamp()`).execute()
        const { expires_at: expiresAt } = await trx
          .insertInto('training_sets')
          .values({
            set_id: set.setId,
            mode: set.mode,
            spine_digest: set.spineDigest,
            pinned_by: set.by,
            paths: [...new Set(set.paths)],
            expires_at: sql<bigint>`clock_timestamp() + ${set.keepMs}::double precision * interval '1 millisecond'`,
          })
          .onConflict((conflict) =>
            conflict
              .column('set_id')
              // The same commits may lie in other files by now; whoever reads the former ones goes on.
              .doUpdateSet({
                expires_at: sql<bigint>`greatest(training_sets.expires_at, excluded.expires_at)`,
                paths: sql<string[]>`array(select unnest(training_sets.paths) union select unnest(excluded.paths))`,
              }),
          )
          .returning('expires_at')
          .executeTakeFirstOrThrow()
        return expiresAt
      }),
  }
}

/** As left-out-commits.ts says it, of a publish that is finished: what it covered bears its sequence. */
function leftOutOf(
  publish: { readonly sequence: bigint; readonly backfills: readonly string[] },
  commits: readonly Pick<Selectable<CommitsTable>, 'commit_id' | 'backfill_id' | 'published_sequence'>[],
): { readonly leftOut?: readonly bigint[] } {
  if (publish.backfills.length === 0) return {}
  const leftOut = commits.filter(
    ({ backfill_id: of, published_sequence: published }) =>
      of !== null && publish.backfills.includes(of) && (published === null || published > publish.sequence),
  )
  return { leftOut: leftOut.map((row) => row.commit_id) }
}
