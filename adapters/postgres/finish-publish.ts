/** The end of a publish: its commits are marked, the runs behind them done, and the published state and the lease as it leaves them. */
import { sql } from 'kysely'
import type { LeaseResult, PublishFinish, ViewKey } from '../../core/ports/ledger.js'
import { hasFile } from '../../core/publish/delta.js'
import { type OpenTransaction, toJson } from './client.js'
import { findHeld, noLease, type PublishRow } from './held-lease.js'
import { isRebuild } from './publish-contents.js'

/** Of a RunError as `toJson` writes it. As text: Postgres takes no field out of a document that says NUL somewhere, as messages may. */
const ofPublish = '%"step":"publish"%'

export async function finishPublish(
  trx: OpenTransaction,
  key: ViewKey,
  sequence: bigint,
  owner: string,
  finish: PublishFinish,
): Promise<LeaseResult | 'wanted'> {
  const held = await findHeld(trx, key, sequence, owner)
  if (held === null) return (await isFinishedBy(trx, key, sequence, owner)) ? 'ok' : 'overtaken'
  const { view, publish } = held
  if (view.published_generation !== publish.published_generation) return 'overtaken'
  const marked = await markCovered(trx, publish)
  await addPublishedFiles(trx, key, publish, finish)
  const isHigher = view.end_floor_at === null || view.end_floor_at < publish.end_at
  await trx
    // A run that ended before its commit was online is done now, also one that failed of its own publish (R33): seen by a statement that
    // began after the commit was marked (runs.ts).
    .with('online', (query) =>
      query
        .updateTable('runs')
        .set({ outcome: 'done' })
        .where(sql<boolean>`run_id = any(${marked}::text[])`)
        .where(sql<boolean>`(outcome = 'committed' or (outcome = 'failed' and error::text like ${ofPublish}))`)
        .returning('run_id'),
    )
    .with('ended', (query) =>
      query
        .updateTable('publishes')
        .set({
          state: 'finished',
          key_counts: toJson(finish.keyCounts),
          items_written: finish.itemsWritten,
          finished_at: sql`clock_timestamp()`,
        })
        .where('view', '=', key.view)
        .where('version', '=', key.version)
        .where('sequence', '=', sequence)
        .returning('sequence'),
    )
    .updateTable('view_versions')
    .set({
      ...noLease,
      finished_sequence: sequence,
      end_floor_at: isHigher ? publish.end_at : view.end_floor_at,
      published_generation: view.published_generation + 1n,
      table_identity: finish.tableIdentity,
      ...((await isRebuild(trx, publish, view)) ? { rebuild_after: null, awaited: [], last_rebuild: sequence } : {}),
      ...(publish.is_first_load
        ? {
            online_table: publish.table_name,
            attempt_tables: view.attempt_tables.filter((table) => table !== publish.table_name),
          }
        : {}),
    })
    .where('view', '=', key.view)
    .where('version', '=', key.version)
    .execute()
  return view.lease_wanted_at === null ? 'ok' : 'wanted'
}

async function isFinishedBy(trx: OpenTransaction, key: ViewKey, sequence: bigint, owner: string): Promise<boolean> {
  const row = await trx
    .selectFrom('publishes')
    .select('sequence')
    .where('view', '=', key.view)
    .where('version', '=', key.version)
    .where('sequence', '=', sequence)
    .where('owner', '=', owner)
    .where('state', '=', 'finished')
    .executeTakeFirst()
  return row !== undefined
}

/** The runs whose commits it has marked. */
async function markCovered(trx: OpenTransaction, publish: PublishRow): Promise<string[]> {
  const marked = await trx
    .updateTable('commits')
    .set({ published_sequence: publish.sequence })
    .where(sql<boolean>`commit_id = any(${publish.covered}::bigint[])`)
    .where('published_sequence', 'is', null)
    .returning(['run_id', 'of_run'])
    .execute()
  return marked.map((commit) => commit.of_run ?? commit.run_id)
}

async function addPublishedFiles(
  trx: OpenTransaction,
  key: ViewKey,
  publish: PublishRow,
  finish: PublishFinish,
): Promise<void> {
  if (finish.newBase !== null) {
    await trx.deleteFrom('published_files').where('view', '=', key.view).where('version', '=', key.version).execute()
    const { path, digest, sequence } = finish.newBase
    await insertPublishedFile(trx, key, { path, digest, sequence, kind: 'base' })
    // A quiet hour's has no file, and does not make the state's files many.
  } else if (publish.delta !== null && hasFile(publish.delta)) {
    const { path, digest } = publish.delta
    await insertPublishedFile(trx, key, { path, digest, sequence: publish.sequence, kind: 'delta' })
  }
}

async function insertPublishedFile(
  trx: OpenTransaction,
  key: ViewKey,
  file: { path: string; digest: string; sequence: bigint; kind: 'base' | 'delta' },
): Promise<void> {
  await trx
    .insertInto('published_files')
    .values({ view: key.view, version: key.version, ...file })
    .execute()
}
