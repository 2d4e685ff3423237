/** Who holds the publish lease of a view version, asked under the lock of its row; and changes of that row and of its publishes. */
import type { Selectable, UpdateObject } from 'kysely'
import type { ViewKey } from '../../core/ports/ledger.js'
import type { OpenTransaction } from './client.js'
import { lockViewVersion } from './locks.js'
import type { PublishesTable, Tables, ViewVersionsTable } from './schema.js'

export type ViewRow = Selectable<ViewVersionsTable>
export type PublishRow = Selectable<PublishesTable>

export const noLease = {
  lease_sequence: null,
  lease_owner: null,
  lease_workflow_run_id: null,
  lease_ms: null,
  lease_renewed_at: null,
  lease_wanted_at: null,
}

/** Locks the view version. Null: sequence and owner do not hold the lease, or no longer. */
export async function findHeld(
  trx: OpenTransaction,
  key: ViewKey,
  sequence: bigint,
  owner: string,
): Promise<{ view: ViewRow; publish: PublishRow } | null> {
  const view = await lockViewVersion(trx, key)
  if (view === undefined || view.lease_sequence !== sequence || view.lease_owner !== owner) return null
  return { view, publish: await readOpenPublish(trx, key, sequence) }
}

export async function readOpenPublish(trx: OpenTransaction, key: ViewKey, sequence: bigint): Promise<PublishRow> {
  return await trx
    .selectFrom('publishes')
    .selectAll()
    .where('view', '=', key.view)
    .where('version', '=', key.version)
    .where('sequence', '=', sequence)
    .executeTakeFirstOrThrow()
}

export async function updatePublish(
  trx: OpenTransaction,
  key: ViewKey,
  sequence: bigint,
  change: UpdateObject<Tables, 'publishes'>,
): Promise<void> {
  await trx
    .updateTable('publishes')
    .set(change)
    .where('view', '=', key.view)
    .where('version', '=', key.version)
    .where('sequence', '=', sequence)
    .execute()
}

export async function updateView(
  trx: OpenTransaction,
  key: ViewKey,
  change: UpdateObject<Tables, 'view_versions'>,
): Promise<void> {
  await trx
    .updateTable('view_versions')
    .set(change)
    .where('view', '=', key.view)
    .where('version', '=', key.version)
    .execute()
}
