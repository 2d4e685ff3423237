/**
 * The publish lease and its fence (R33, R36). One publish per view version at a time; the lease is its sequence, and who holds
 * it is judged by this server's clock alone. Every write of a publish asks, in its own transaction, whether sequence and owner
 * still hold the lease.
 */
import { sql } from 'kysely'
import { assert } from '../../core/errors.js'
import type {
  LeaseResult,
  LedgerWriter,
  OpenPublishRequest,
  OpenPublishResult,
  ViewKey,
} from '../../core/ports/ledger.js'
import type { DeltaFile } from '../../core/publish/delta.js'
import { heldFrom } from '../../core/publish/held-windows.js'
import { reachedSpan } from '../../core/publish/publish-end.js'
import type { Instant } from '../../core/time/instant.js'
import { toIsoInterval } from '../../core/time/interval.js'
import { isRebuildOf } from './asked-rebuild.js'
import { type Database, type OpenTransaction, type PostgresClient, toJson } from './client.js'
import { forgetCoarseTiles } from './commits.js'
import { finishPublish } from './finish-publish.js'
import {
  findHeld,
  noLease,
  type PublishRow,
  readOpenPublish,
  updatePublish,
  updateView,
  type ViewRow,
} from './held-lease.js'
import { findLeftOut } from './left-out-commits.js'
import { lockAddedVersion } from './locks.js'
import {
  chooseEnd,
  chooseHeld,
  chooseTable,
  findCovered,
  findUnfinished,
  newestCommitId,
  readCovered,
  readPublish,
} from './publish-contents.js'

export type PublishLease = Pick<
  LedgerWriter,
  | 'openPublish'
  | 'recordDelta'
  | 'renewLease'
  | 'finishPublish'
  | 'releaseLease'
  | 'passSequence'
  | 'giveUpPublish'
  | 'lastPublish'
  | 'isPublishOpen'
  | 'isPublishGivenUp'
>

/** A heartbeat from the future counts as old: whoever wrote it had another clock. */
const isLive = sql<boolean>`(lease_renewed_at <= clock_timestamp()
  and clock_timestamp() < lease_renewed_at + lease_ms * interval '1 millisecond')`

export function createPublishLease(client: PostgresClient): PublishLease {
  return {
    openPublish: (request) => client.transact((trx) => openPublish(trx, request)),

    recordDelta: (key, sequence, owner, delta) =>
      client.query(async (db) => {
        const recorded = await recordOnce(db, key, sequence, owner, delta)
        if (recorded === undefined) return 'overtaken'
        assert(recorded.delta?.digest === delta.digest, `publish ${sequence} of ${key.view} records one delta`)
        return 'ok'
      }),

    renewLease: (key, sequence, owner, leaseMs) =>
      client.query(async (db) => {
        const { numUpdatedRows } = await db
          .updateTable('view_versions')
          .set({ lease_ms: leaseMs, lease_renewed_at: sql`clock_timestamp()` })
          .where('view', '=', key.view)
          .where('version', '=', key.version)
          .where('lease_sequence', '=', sequence)
          .where('lease_owner', '=', owner)
          .executeTakeFirst()
        return numUpdatedRows === 1n ? 'ok' : 'overtaken'
      }),

    finishPublish: (key, sequence, owner, finish) =>
      client.transact((trx) => finishPublish(trx, key, sequence, owner, finish)),

    releaseLease: (key, sequence, owner) =>
      client.transact(async (trx) => {
        await giveBack(trx, key, sequence, owner)
      }),

    passSequence: (key, sequence, owner, met) =>
      client.transact(async (trx) => {
        if ((await giveBack(trx, key, sequence, owner)) === 'overtaken') return 'overtaken'
        await updateView(trx, key, { last_sequence: sql<bigint>`greatest(last_sequence, ${met}::bigint)` })
        return 'ok'
      }),

    lastPublish: (key) =>
      client.query(async (db) => {
        const row = await db
          .selectFrom('publishes')
          .select(['sequence', 'end_at', 'finished_at'])
          .where('view', '=', key.view)
          .where('version', '=', key.version)
          .where('state', '=', 'finished')
          .orderBy('sequence', 'desc')
          .limit(1)
          .executeTakeFirst()
        if (row === undefined) return null
        return { sequence: row.sequence, endAt: row.end_at, finishedAt: row.finished_at! }
      }),

    isPublishOpen: (key) => client.query(async (db) => (await readLease(db, key)).isLive),

    giveUpPublish: (key) =>
      client.transact((trx) => updateView(trx, key, { given_up_commit: newestCommitId(trx, key) })),

    isPublishGivenUp: (key) =>
      client.transact(async (trx) => {
        const row = await trx
          .selectFrom('view_versions')
          .select(sql<boolean | null>`given_up_commit >= ${newestCommitId(trx, key)}`.as('is_given_up'))
          .where('view', '=', key.view)
          .where('version', '=', key.version)
          .executeTakeFirst()
        return row?.is_given_up ?? false
      }),
  }
}

async function giveBack(trx: OpenTransaction, key: ViewKey, sequence: bigint, owner: string): Promise<LeaseResult> {
  if ((await findHeld(trx, key, sequence, owner)) === null) return 'overtaken'
  await updatePublish(trx, key, sequence, { state: 'unfinished' })
  await updateView(trx, key, noLease)
  return 'ok'
}

// ── opening ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

async function openPublish(trx: OpenTransaction, request: OpenPublishRequest): Promise<OpenPublishResult> {
  const view = await lockAddedVersion(trx, request)
  if (view.lease_sequence !== null) {
    // Asked for after the lock was had, however long that took.
    const lease = await readLease(trx, request)
    const isOwn = view.lease_workflow_run_id === request.workflowRunId
    if (lease.isLive && !isOwn) {
      if (request.backfill === undefined) await updateView(trx, request, { lease_wanted_at: sql`clock_timestamp()` })
      return { kind: 'busy', owner: view.lease_owner!, expiresInMs: Math.max(0, lease.expiresInMs) }
    }
    const open = await readOpenPublish(trx, request, view.lease_sequence)
    const isTableKept = open.table_name === (view.online_table ?? request.table)
    // A first load is never resumed: its earlier attempt may still be writing, and nothing refuses that.
    if (isOwn && open.delta !== null && !open.is_first_load && isTableKept)
      return { kind: 'resumed', publish: await resume(trx, request, view, open) }
    await updatePublish(trx, request, open.sequence, { state: 'unfinished' })
    await updateView(trx, request, noLease)
  }
  return await drawPublish(trx, request, view)
}

/** The earlier attempt of the same workflow loses the lease to this one, so that only one of them writes to the ledger. */
async function resume(trx: OpenTransaction, request: OpenPublishRequest, view: ViewRow, open: PublishRow) {
  await updatePublish(trx, request, open.sequence, { owner: request.owner })
  await updateView(trx, request, leaseOf(request, open.sequence))
  return await readPublish(trx, { ...open, owner: request.owner }, view, {
    covered: await readCovered(trx, open.covered),
    unfinished: await findUnfinished(trx, request, {
      ...{ after: view.finished_sequence, before: open.sequence, table: open.table_name },
    }),
  })
}

async function drawPublish(
  trx: OpenTransaction,
  request: OpenPublishRequest,
  view: ViewRow,
): Promise<OpenPublishResult> {
  const sequence = view.last_sequence + 1n
  const leftOut = await findLeftOut(trx, request, sequence, view.finished_sequence === 0n)
  const chosen = await chooseEnd(trx, request, view.end_floor_at, leftOut)
  if (chosen === null) return { kind: 'nothing' }
  const covered = await findCovered(trx, request, chosen.endAt, leftOut)
  const held = await chooseHeld(trx, request, chosen.endAt, leftOut)
  const { table, isFirstLoad } = await chooseTable(trx, request, view, sequence)
  const unfinished = await findUnfinished(trx, request, { after: view.finished_sequence, before: sequence, table })
  const reached = request.window && reachedSpan(chosen.endAt, request.window, request.since)
  const isRebuild = await isRebuildOf(trx, request, view, { leftOut, reached })
  if (covered.length === 0 && unfinished.length === 0 && !isRebuild) return { kind: 'nothing' }
  // Each publish makes some: one at fault that this one does not come to would be trusted again by those after it.
  if (isRebuild) await forgetCoarseTiles(trx, request)
  const row = await trx
    .with('taken', (query) =>
      query
        .updateTable('view_versions')
        .set({
          ...{ last_sequence: sequence, lease_wanted_at: null },
          ...leaseOf(request, sequence),
        })
        .where('view', '=', request.view)
        .where('version', '=', request.version)
        .returning('view'),
    )
    .insertInto('publishes')
    .values({
      view: request.view,
      version: request.version,
      sequence,
      state: 'open',
      owner: request.owner,
      workflow_run_id: request.workflowRunId,
      table_name: table,
      is_first_load: isFirstLoad,
      end_at: chosen.endAt,
      missing: toJson(chosen.missing.map(toIsoInterval)),
      held: held.length === 0 ? null : toJson(held),
      reached_from: reached && heldFrom(held, request.window!, request.since, reached.start),
      covered: covered.map(({ commitId }) => commitId).sort((a, b) => (a < b ? -1 : 1)),
      commit_horizon: newestCommitId(trx, request),
      published_generation: view.published_generation,
      backfills: [...leftOut.backfills],
    })
    .returningAll()
    .executeTakeFirstOrThrow()
  return { kind: 'opened', publish: await readPublish(trx, row, view, { covered, unfinished }) }
}

// ── recording ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * One statement, which holds the view version before it looks at the publish; the first delta counts. Undefined: sequence and owner do
 * not hold the lease, or no longer.
 */
async function recordOnce(db: Database, key: ViewKey, sequence: bigint, owner: string, delta: DeltaFile) {
  return await db
    .with('held', (query) =>
      query
        .selectFrom('view_versions')
        .select(['view', 'version', 'lease_sequence'])
        .where('view', '=', key.view)
        .where('version', '=', key.version)
        .where('lease_sequence', '=', sequence)
        .where('lease_owner', '=', owner)
        .forUpdate(),
    )
    .with('recorded', (query) =>
      query
        .updateTable('publishes')
        .from('held')
        .set({ delta: sql<string>`coalesce(publishes.delta, ${toJson(delta)}::json)` })
        .whereRef('publishes.view', '=', 'held.view')
        .whereRef('publishes.version', '=', 'held.version')
        .whereRef('publishes.sequence', '=', 'held.lease_sequence')
        .returning(['publishes.view', 'publishes.version', 'end_at', 'delta', 'table_name', 'is_first_load']),
    )
    .updateTable('view_versions')
    .from('recorded')
    // From now on this end may be seen online: no later publish goes below it (R29).
    .set({
      end_floor_at: sql<Instant>`greatest(view_versions.end_floor_at, recorded.end_at)`,
      // From now on a first load may make its table: remembered until that counts, or is dropped.
      attempt_tables: sql<string[]>`case when recorded.is_first_load
        then array_append(array_remove(view_versions.attempt_tables, recorded.table_name), recorded.table_name)
        else view_versions.attempt_tables end`,
    })
    .whereRef('view_versions.view', '=', 'recorded.view')
    .whereRef('view_versions.version', '=', 'recorded.version')
    .returning('recorded.delta')
    .executeTakeFirst()
}

// ── the lease ───────────────────────────────────────────────────────────────────────────────────────────────────────────

const leaseOf = (request: OpenPublishRequest, sequence: bigint) => ({
  lease_sequence: sequence,
  lease_owner: request.owner,
  lease_workflow_run_id: request.workflowRunId,
  lease_ms: request.leaseMs,
  lease_renewed_at: sql<Instant>`clock_timestamp()`,
})

async function readLease(db: Database, key: ViewKey): Promise<{ isLive: boolean; expiresInMs: number }> {
  const row = await db
    .selectFrom('view_versions')
    .select([
      isLive.as('is_live'),
      sql<
        number | null
      >`lease_ms + 1000 * extract(epoch from lease_renewed_at - clock_timestamp())::double precision`.as(
        'expires_in_ms',
      ),
    ])
    .where('view', '=', key.view)
    .where('version', '=', key.version)
    .where('lease_sequence', 'is not', null)
    .executeTakeFirst()
  return { isLive: row?.is_live ?? false, expiresInMs: row?.expires_in_ms ?? 0 }
}
