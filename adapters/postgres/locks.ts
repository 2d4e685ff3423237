/**
 * Row locks, always taken in this order, so that two transactions never wait for each other: view version, interval, the rest.
 * A commit holds its view version shared; opening a publish holds it alone, so what a publish covers is fixed against a state
 * that no commit is changing, and a commit's id is drawn either before it or after it.
 */
import { assert } from '../../core/errors.js'
import type { ViewKey } from '../../core/ports/ledger.js'
import type { Interval } from '../../core/time/interval.js'
import type { Database, OpenTransaction } from './client.js'

export async function addViewVersion(trx: OpenTransaction, key: ViewKey): Promise<void> {
  await trx
    .insertInto('view_versions')
    .values({ view: key.view, version: key.version })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

/** As it is, without a lock. Undefined: the ledger has not heard of it. */
export async function findViewVersion(db: Database, key: ViewKey) {
  return await selectViewVersion(db, key).executeTakeFirst()
}

export async function lockViewVersion(trx: OpenTransaction, key: ViewKey) {
  return await selectViewVersion(trx, key).forUpdate().executeTakeFirst()
}

function selectViewVersion(db: Database, { view, version }: ViewKey) {
  return db.selectFrom('view_versions').selectAll().where('view', '=', view).where('version', '=', version)
}

/** It is there but for the first time. */
export async function lockAddedVersion(trx: OpenTransaction, key: ViewKey) {
  const known = await lockViewVersion(trx, key)
  if (known !== undefined) return known
  await addViewVersion(trx, key)
  const added = await lockViewVersion(trx, key)
  assert(added !== undefined, 'the view version was added')
  return added
}

/** Renewing a lease does not wait for it; opening and finishing a publish do. */
export async function shareViewVersion(trx: OpenTransaction, key: ViewKey): Promise<void> {
  await trx
    .selectFrom('view_versions')
    .select('view')
    .where('view', '=', key.view)
    .where('version', '=', key.version)
    .forKeyShare()
    .execute()
}

export async function addInterval(trx: OpenTransaction, key: ViewKey, interval: Interval): Promise<void> {
  await trx
    .insertInto('intervals')
    .values({ view: key.view, version: key.version, start_at: interval.start, end_at: interval.end })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

export async function lockInterval(trx: OpenTransaction, key: ViewKey, interval: Interval) {
  return await trx
    .selectFrom('intervals')
    .selectAll()
    .where('view', '=', key.view)
    .where('version', '=', key.version)
    .where('start_at', '=', interval.start)
    .where('end_at', '=', interval.end)
    .forUpdate()
    .executeTakeFirstOrThrow()
}
