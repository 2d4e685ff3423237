/** What runs have shown of their rows, over many intervals: baselines, charts, limits tried on the past. */
import { sql } from 'kysely'
import type { ProfileSketches } from '../../core/judge/verdict.js'
import type { ProfileReader } from '../../core/ports/profile-ledger.js'
import { type Database, type PostgresClient, toJson } from './client.js'

export function createRunProfiles(client: PostgresClient): ProfileReader {
  return {
    runsByInterval: (key, ranges, outcomes) =>
      client.query(async (db) => {
        if (ranges.length === 0) return []
        const rows = await db
          .selectFrom('runs')
          .distinctOn('start_at')
          .select(['run_id', 'start_at'])
          .select(sql<boolean>`details_removed_at is null`.as('has_details'))
          .where('view', '=', key.view)
          .where('version', '=', key.version)
          .where('outcome', 'in', [...outcomes])
          .where((is) =>
            is.or(ranges.map(({ start, end }) => is.and([is('start_at', '>=', start), is('start_at', '<', end)]))),
          )
          .orderBy('start_at')
          .orderBy('ordinal', 'desc')
          .execute()
        return rows.map((row) => ({ runId: row.run_id, start: row.start_at, hasDetails: row.has_details }))
      }),

    profiledRuns: (runIds, { withSketches }) =>
      client.query(async (db) => {
        if (runIds.length === 0) return []
        const rows = await db
          .selectFrom('runs')
          .leftJoin('run_sketches', (join) =>
            join.onRef('run_sketches.run_id', '=', 'runs.run_id').on(sql.lit(withSketches), '=', sql.lit(true)),
          )
          .select(['runs.run_id', 'start_at', 'end_at', 'outcome', 'profile', 'verdict', 'run_sketches.body'])
          .select('details_removed_at')
          .where('runs.run_id', '=', sql<string>`any(${[...runIds]}::text[])`)
          .orderBy('start_at')
          .orderBy('ordinal')
          .execute()
        return rows.map((row) => ({
          runId: row.run_id,
          interval: { start: row.start_at, end: row.end_at },
          outcome: row.outcome,
          profile: row.profile,
          sketches: row.body,
          verdict: row.verdict,
          detailsRemovedAt: row.details_removed_at,
        }))
      }),
  }
}

/** The first ones count, as those of the profile they belong to; a run that is not there keeps none. */
export function keepingSketches(db: Database, runId: string, sketches: ProfileSketches): Database {
  const kept = db.with('kept_sketches', (query) =>
    query
      .insertInto('run_sketches')
      .columns(['run_id', 'body'])
      .expression(
        query
          .selectFrom('runs')
          .select(['run_id', sql<string>`${toJson(sketches)}::json`.as('body')])
          .where('run_id', '=', runId),
      )
      .onConflict((conflict) => conflict.doNothing()),
  )
  // The name that was added is read by nobody.
  return kept as unknown as Database
}
