/** Checks of quality: the state that online should show, the last check of each view version, and the order to rebuild. */
import { sql } from 'kysely'
import type { LedgerWriter } from '../../core/ports/ledger.js'
import { findAwaited } from './asked-rebuild.js'
import type { PostgresClient } from './client.js'
import { toJson } from './client.js'
import { forgetCoarseTiles, readCommitsAt } from './commits.js'
import { updateView } from './held-lease.js'
import { findViewVersion, lockViewVersion } from './locks.js'
import { readPublishedState } from './publish-contents.js'
import { readRepairedVersions } from './repaired-versions.js'

export type QualityChecks = Pick<
  LedgerWriter,
  | 'shownState'
  | 'commitsAt'
  | 'isRebuildAsked'
  | 'rebuildWaits'
  | 'repairedVersions'
  | 'qualityChecks'
  | 'keepQualityChecks'
  | 'recordQualityCheck'
  | 'askRebuild'
  | 'forgetCoarseTiles'
>

export function createQualityChecks(client: PostgresClient): QualityChecks {
  return {
    shownState: (key) =>
      client.transact(async (trx) => {
        const view = await findViewVersion(trx, key)
        if (view === undefined) return null
        const publishes = await trx
          .selectFrom('publishes')
          .select([
            'sequence',
            'end_at',
            'commit_horizon',
            'table_name',
            'state',
            'held',
            sql<boolean>`delta is not null`.as('is_recorded'),
          ])
          .where('view', '=', key.view)
          .where('version', '=', key.version)
          .where('sequence', '>=', view.finished_sequence)
          .orderBy('sequence')
          .execute()
        const shown = publishes.find(
          ({ sequence, state }) => state === 'finished' && sequence === view.finished_sequence,
        )
        const later = publishes.filter(
          ({ sequence, table_name: table }) =>
            sequence > view.finished_sequence && (shown === undefined || table === shown.table_name),
        )
        const recorded = later.filter((row) => row.is_recorded)
        const { last_sequence, finished_sequence, rebuild_after, lease_sequence } = view
        return {
          shown: shown
            ? {
                ...{ sequence: shown.sequence, endAt: shown.end_at, newestCommitId: shown.commit_horizon },
                ...(shown.held === null ? {} : { held: shown.held }),
              }
            : null,
          published: await readPublishedState(trx, key, view.table_identity),
          isPublishUnfinished: recorded.length > 0,
          lastSequence: last_sequence,
          rebuiltSequence: view.last_rebuild,
          // A publish writes items once it has recorded what: that is a change, too.
          mark: [last_sequence, finished_sequence, rebuild_after, lease_sequence, later.length, recorded.length].join(),
        }
      }),

    commitsAt: (key, range, shown) => client.query((db) => readCommitsAt(db, key, range, shown)),

    isRebuildAsked: (key) =>
      client.query(async (db) => {
        const row = await findViewVersion(db, key)
        return (row?.rebuild_after ?? null) !== null
      }),

    rebuildWaits: (key) =>
      client.query(async (db) => {
        const row = await findViewVersion(db, key)
        const leftOut = { backfills: [], sequence: 0n, covered: [] }
        return await findAwaited(db, key, row?.awaited ?? [], { leftOut, reached: null })
      }),

    repairedVersions: (key) => client.query((db) => readRepairedVersions(db, key)),

    qualityChecks: () =>
      client.query(async (db) => {
        const rows = await db.selectFrom('quality_checks').select('body').orderBy('view').orderBy('version').execute()
        return rows.map(({ body }) => body)
      }),

    keepQualityChecks: (keys) =>
      client.query(async (db) => {
        const views = sql<string[]>`${keys.map(({ view }) => view)}::text[]`
        const versions = sql<number[]>`${keys.map(({ version }) => version)}::integer[]`
        await db
          .deleteFrom('quality_checks')
          .where(sql<boolean>`(view, version) not in (select * from unnest(${views}, ${versions}))`)
          .execute()
      }),

    recordQualityCheck: (check, before) =>
      client.query(async (db) => {
        const body = toJson(check)
        // As text: Postgres takes no field out of a document that says NUL somewhere, as a key at fault may.
        const named = before && `"checkedAt":${toJson(before.checkedAt)}`
        const isBefore = sql<boolean>`strpos(quality_checks.body::text, ${named}) > 0`
        const { numInsertedOrUpdatedRows } = await db
          .insertInto('quality_checks')
          .values({ view: check.view, version: check.version, body })
          .onConflict((conflict) => conflict.columns(['view', 'version']).doUpdateSet({ body }).where(isBefore))
          .executeTakeFirst()
        return numInsertedOrUpdatedRows === 1n
      }),

    askRebuild: (key, above, awaited = []) =>
      client.transact(async (trx) => {
        const view = await lockViewVersion(trx, key)
        if (view === undefined || view.finished_sequence === 0n) return false
        const sequence = view.last_sequence > above ? view.last_sequence : above
        await updateView(trx, key, { last_sequence: sequence, rebuild_after: sequence, awaited: [...awaited] })
        return true
      }),

    forgetCoarseTiles: (key) => client.query((db) => forgetCoarseTiles(db, key)),
  }
}
