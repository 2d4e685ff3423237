/**
 * What a publish leaves out (R33, R34): commits of backfills that are still open, but for those that it covers and those that were online
 * before it. The version of an interval that such a commit has replaced counts on meanwhile; an interval that has no other is missing (R32).
 */
import { sql } from 'kysely'
import type { Commit, OpenPublishRequest, ViewKey } from '../../core/ports/ledger.js'
import type { Interval } from '../../core/time/interval.js'
import type { Database, OpenTransaction } from './client.js'
import { toCommit } from './rows.js'

export interface LeftOut {
  readonly backfills: readonly string[]
  /** Of the publish. */
  readonly sequence: bigint
  readonly covered: readonly bigint[]
}

export function openBackfillIds(db: Database, key: ViewKey) {
  return db
    .selectFrom('backfills')
    .select('backfill_id')
    .where('view', '=', key.view)
    .where('version', '=', key.version)
    .where('ended_at', 'is', null)
}

/** Of a row of `commits`; `of` where there are others beside it. */
export function isLeftOut({ backfills, sequence, covered }: LeftOut, of?: 'commits') {
  const [id, backfill, published] = ['commit_id', 'backfill_id', 'published_sequence'].map((name) =>
    sql.ref(of === undefined ? name : `${of}.${name}`),
  )
  return sql<boolean>`(coalesce(${backfill} = any(${[...backfills]}::text[]), false)
    and not coalesce(${published} <= ${sequence}, false) and not ${id} = any(${[...covered]}::bigint[]))`
}

/** As it is now. The caller holds the view version. */
export async function findLeftOut(
  trx: OpenTransaction,
  request: OpenPublishRequest,
  sequence: bigint,
  isFirst: boolean,
): Promise<LeftOut> {
  const none = { backfills: [], sequence, covered: [] }
  const open = (await openBackfillIds(trx, request).execute()).map((row) => row.backfill_id)
  const own = request.backfill
  if (own === undefined || open.length === 0) return { ...none, backfills: open }
  // A first load cannot be continued, and nobody waits for what is not there yet: all at once. Nor has a window view parts: each would
  // compare every key, and show windows of which some intervals are the backfill's and others are not.
  if (isFirst || request.window !== null) return { ...none, backfills: open.filter((id) => id !== own.backfillId) }
  return { ...none, backfills: open, covered: await firstPart(trx, own) }
}

/**
 * The newest commits of the backfill that are not online, of at most so many rows together; at least one. So a key is written once, whichever
 * parts hold it: what a later one has of it is older.
 */
async function firstPart(
  trx: OpenTransaction,
  { backfillId, rowsMax }: NonNullable<OpenPublishRequest['backfill']>,
): Promise<bigint[]> {
  const rows = await trx
    .selectFrom('commits')
    .select(['commit_id', 'rows'])
    .where('backfill_id', '=', backfillId)
    .where('published_sequence', 'is', null)
    .orderBy('start_at', 'desc')
    .orderBy('commit_id', 'desc')
    .execute()
  const part: bigint[] = []
  let sum = 0n
  for (const { commit_id: commitId, rows: ofCommit } of rows) {
    sum += ofCommit ?? 0n
    if (part.length > 0 && sum > BigInt(rowsMax)) break
    part.push(commitId)
  }
  return part
}

/** Of the state that had `horizon` as its newest commit, absent: now, without what is left out. Oldest first. */
export async function readShownCommits(
  db: Database,
  key: ViewKey,
  range: Interval | null,
  leftOut: LeftOut,
  horizon?: bigint,
): Promise<Commit[]> {
  let query = db
    .selectFrom('commits')
    .distinctOn(['start_at', 'end_at'])
    .selectAll()
    .where('view', '=', key.view)
    .where('version', '=', key.version)
    .where(sql<boolean>`not ${isLeftOut(leftOut)}`)
  if (horizon !== undefined) query = query.where('commit_id', '<=', horizon)
  if (range !== null) query = query.where('start_at', '<', range.end).where('end_at', '>', range.start)
  const rows = await query.orderBy('start_at').orderBy('end_at').orderBy('commit_id', 'desc').execute()
  return rows.map(toCommit)
}
