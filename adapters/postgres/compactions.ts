/** Which files stand for many commits: begun, recorded and found (core/ports/compaction-ledger.ts). */
import { type Selectable, sql } from 'kysely'
import { assert } from '../../core/errors.js'
import type {
  Compaction,
  CompactionReader,
  CompactionRecord,
  CompactionResult,
  CompactionWriter,
} from '../../core/ports/compaction-ledger.js'
import type { ViewKey } from '../../core/ports/ledger.js'
import { type OpenTransaction, type PostgresClient, toJson } from './client.js'
import { addViewVersion, lockViewVersion } from './locks.js'
import { leavesNothing } from './run-file-removal.js'
import type { CompactionsTable } from './schema.js'

export type Compactions = Pick<CompactionReader, 'compactions' | 'versionsWithFiles'> &
  Pick<CompactionWriter, 'beginCompaction' | 'recordCompaction' | 'giveUpCompaction'>

export function createCompactions(client: PostgresClient): Compactions {
  return {
    compactions: (key, range) =>
      client.query(async (db) => {
        const rows = await db
          .selectFrom('compactions')
          .selectAll()
          .select((row) =>
            sql<bigint[]>`array(${row
              .selectFrom('commits')
              .select('commit_id')
              .where(sql<boolean>`commit_id = any(compactions.commit_ids)`)
              .where('commits.removing_at', 'is not', null)
              .orderBy('commit_id')})`.as('removed_ids'),
          )
          .where('view', '=', key.view)
          .where('version', '=', key.version)
          .where('start_at', '<', range.end)
          .where('end_at', '>', range.start)
          .where('state', 'in', ['current', 'superseded'])
          .where('removing_at', 'is', null)
          .orderBy('compaction_id', 'desc')
          .execute()
        return rows.map(toCompaction)
      }),

    versionsWithFiles: (view) =>
      client.query(async (db) => {
        // One look into the index a version: commits are many.
        const rows = await db
          .selectFrom('view_versions')
          .select('version')
          .where('view', '=', view)
          .where((row) =>
            row.or([
              row.exists(
                row
                  .selectFrom('commits')
                  .select('commit_id')
                  .whereRef('commits.view', '=', 'view_versions.view')
                  .whereRef('commits.version', '=', 'view_versions.version'),
              ),
              row.exists(
                row
                  .selectFrom('runs')
                  .select('run_id')
                  .whereRef('runs.view', '=', 'view_versions.view')
                  .whereRef('runs.version', '=', 'view_versions.version')
                  .where('runs.outcome', 'not in', [...leavesNothing]),
              ),
            ]),
          )
          .orderBy('version')
          .execute()
        return rows.map(({ version }) => version)
      }),

    beginCompaction: (key, { start, end }) =>
      client.query(async (db) => {
        const row = await db
          .insertInto('compactions')
          .values({ view: key.view, version: key.version, start_at: start, end_at: end, state: 'writing' })
          .returning('compaction_id')
          .executeTakeFirstOrThrow()
        return row.compaction_id
      }),

    recordCompaction: (compactionId, record) => client.transact((trx) => recordOnce(trx, compactionId, record)),

    giveUpCompaction: (compactionId) =>
      client.query(async (db) => {
        await db
          .updateTable('compactions')
          .set({ state: 'given-up', removing_at: sql`clock_timestamp()` })
          .where('compaction_id', '=', compactionId)
          .where('state', '=', 'writing')
          .execute()
      }),
  }
}

async function recordOnce(
  trx: OpenTransaction,
  compactionId: bigint,
  { commitIds, files }: CompactionRecord,
): Promise<CompactionResult> {
  const begun = await trx
    .selectFrom('compactions')
    .select(['view', 'version'])
    .where('compaction_id', '=', compactionId)
    .executeTakeFirst()
  if (begun === undefined) return 'given-up'
  const key: ViewKey = { view: begun.view, version: begun.version }
  // Alone, so that no interval is committed between the look at what counts and the record.
  await addViewVersion(trx, key)
  await lockViewVersion(trx, key)
  const own = await trx
    .selectFrom('compactions')
    .select(['state', 'start_at', 'end_at'])
    .where('compaction_id', '=', compactionId)
    .forUpdate()
    .executeTakeFirst()
  if (own === undefined || own.state === 'given-up') return 'given-up'
  if (own.state !== 'writing') return 'recorded'
  const held = await trx
    .selectFrom('commits')
    .select(['start_at', 'superseded_by'])
    .where('view', '=', key.view)
    .where('version', '=', key.version)
    .where(sql<boolean>`commit_id = any(${[...commitIds]}::bigint[])`)
    .where('path', 'is not', null)
    .where('start_at', '>=', own.start_at)
    .where('end_at', '<=', own.end_at)
    .execute()
  const intervals = new Set(held.map(({ start_at: start }) => start))
  assert(held.length === commitIds.length, 'a compaction holds commits of its view and span that have rows')
  assert(intervals.size === commitIds.length, 'a compaction holds one version of an interval')
  await trx
    .updateTable('compactions')
    .set({
      state: 'current',
      commit_ids: [...commitIds],
      files: toJson(files),
      recorded_at: sql`clock_timestamp()`,
    })
    .where('compaction_id', '=', compactionId)
    .execute()
  await supersede(trx, key)
  return 'recorded'
}

/** Of compactions that hold the same of what counts now the newest stays current; so one that comes late takes no other's place. */
async function supersede(trx: OpenTransaction, key: ViewKey): Promise<void> {
  const current = await trx
    .selectFrom('compactions')
    .select((row) => [
      'compaction_id',
      sql<bigint[]>`array(${row
        .selectFrom('commits')
        .select('commit_id')
        .where(sql<boolean>`commit_id = any(compactions.commit_ids)`)
        .where('superseded_by', 'is', null)})`.as('counting'),
    ])
    .where('view', '=', key.view)
    .where('version', '=', key.version)
    .where('state', '=', 'current')
    .orderBy('compaction_id', 'desc')
    .execute()
  // The most first, of equals the newest: whatever it holds of one that comes after it is held twice.
  const most = current.toSorted((a, b) => b.counting.length - a.counting.length)
  const kept: Set<bigint>[] = []
  const outdated: bigint[] = []
  for (const { compaction_id: id, counting } of most) {
    if (counting.length === 0 || kept.some((other) => counting.every((commitId) => other.has(commitId))))
      outdated.push(id)
    else kept.push(new Set(counting))
  }
  if (outdated.length === 0) return
  await trx
    .updateTable('compactions')
    .set({ state: 'superseded', superseded_at: sql`clock_timestamp()` })
    .where(sql<boolean>`compaction_id = any(${outdated}::bigint[])`)
    .execute()
}

function toCompaction(row: Selectable<CompactionsTable> & { removed_ids: bigint[] }): Compaction {
  return {
    compactionId: row.compaction_id,
    span: { start: row.start_at, end: row.end_at },
    commitIds: row.commit_ids,
    removedIds: row.removed_ids,
    files: row.files ?? [],
    isCurrent: row.state === 'current',
    recordedAt: row.recorded_at!,
  }
}
