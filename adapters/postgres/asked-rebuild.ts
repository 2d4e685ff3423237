/** Whether a publish is the rebuild that was asked for: not while it shows a commit whose file is at fault, which it would carry online. */
import { sql } from 'kysely'
import type { ViewKey } from '../../core/ports/ledger.js'
import type { Interval } from '../../core/time/interval.js'
import type { Database } from './client.js'
import type { ViewRow } from './held-lease.js'
import { isLeftOut, type LeftOut } from './left-out-commits.js'

interface ShownCommits {
  readonly leftOut: LeftOut
  /** Absent: up to now. */
  readonly horizon?: bigint
  /** Null: all. */
  readonly reached: Interval | null
}

export async function isRebuildOf(db: Database, key: ViewKey, view: ViewRow, shown: ShownCommits): Promise<boolean> {
  if (view.rebuild_after === null || view.rebuild_after >= shown.leftOut.sequence) return false
  return (await findAwaited(db, key, view.awaited, shown)).length === 0
}

/** Of these commits the intervals whose version they are, of what is shown. Oldest first. */
export async function findAwaited(
  db: Database,
  key: ViewKey,
  commitIds: readonly bigint[],
  { leftOut, horizon, reached }: ShownCommits,
): Promise<Interval[]> {
  if (commitIds.length === 0) return []
  const isUpTo = horizon === undefined ? sql<boolean>`true` : sql<boolean>`commits.commit_id <= ${horizon}`
  let query = db
    .selectFrom('commits as awaited')
    .select(['awaited.start_at', 'awaited.end_at'])
    .where('awaited.view', '=', key.view)
    .where('awaited.version', '=', key.version)
    .where(sql<boolean>`awaited.commit_id = any(${[...commitIds]}::bigint[])`)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('commits')
            .select('commits.commit_id')
            .whereRef('commits.view', '=', 'awaited.view')
            .whereRef('commits.version', '=', 'awaited.version')
            .whereRef('commits.start_at', '=', 'awaited.start_at')
            .whereRef('commits.end_at', '=', 'awaited.end_at')
            .whereRef('commits.commit_id', '>', 'awaited.commit_id')
            .where(isUpTo)
            .where(sql<boolean>`not ${isLeftOut(leftOut, 'commits')}`),
        ),
      ),
    )
  if (reached !== null)
    query = query.where('awaited.start_at', '<', reached.end).where('awaited.end_at', '>', reached.start)
  const rows = await query.orderBy('awaited.start_at').execute()
  return rows.map((row) => ({ start: row.start_at, end: row.end_at }))
}
