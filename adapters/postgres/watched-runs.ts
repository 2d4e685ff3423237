/** What the watcher asks of runs, one statement for all views: it asks every few seconds. */
import { sql } from 'kysely'
import type { Verdict } from '../../core/judge/verdict.js'
import type { ViewKey } from '../../core/ports/ledger.js'
import type { WatchReader } from '../../core/ports/watch-ledger.js'
import { stateOf } from './backfill-lists.js'
import type { Database, PostgresClient } from './client.js'
import { readIntervalStates } from './interval-states.js'

const paceRuns = 200

export function createWatchedRuns(client: PostgresClient): WatchReader {
  return {
    watchMarks: (keys) =>
      client.query(async (db) => {
        if (keys.length === 0) return []
        const open = db
          .selectFrom('runs')
          .select(['view', 'version'])
          .select(sql<string>`string_agg(ordinal || outcome, ' ' order by ordinal)`.as('runs'))
          .where('outcome', 'in', ['running', 'held'])
          .groupBy(['view', 'version'])
        const rows = await asked(db, keys)
          .leftJoin('view_versions', (join) =>
            join.onRef('view_versions.view', '=', 'asked.view').onRef('view_versions.version', '=', 'asked.version'),
          )
          .leftJoin(open.as('open'), (join) =>
            join.onRef('open.view', '=', 'asked.view').onRef('open.version', '=', 'asked.version'),
          )
          .select(['asked.view', 'asked.version', 'open.runs'])
          .select(['view_versions.finished_sequence', 'view_versions.rebuild_after'])
          .select((query) => [
            // A failed run that is rejected where there is an accepted version changes nothing else.
            query
              .selectFrom('decisions')
              .select('applied_at')
              .whereRef('decisions.view', '=', 'asked.view')
              .whereRef('decisions.version', '=', 'asked.version')
              .where('applied_at', 'is not', null)
              .orderBy('applied_at', 'desc')
              .limit(1)
              .as('decided_at'),
            query
              .selectFrom('runs')
              .select('ordinal')
              .whereRef('runs.view', '=', 'asked.view')
              .whereRef('runs.version', '=', 'asked.version')
              .orderBy('ordinal', 'desc')
              .limit(1)
              .as('ordinal'),
            query
              .selectFrom('commits')
              .select('commit_id')
              .whereRef('commits.view', '=', 'asked.view')
              .whereRef('commits.version', '=', 'asked.version')
              .orderBy('commit_id', 'desc')
              .limit(1)
              .as('commit_id'),
            query
              .selectFrom('intervals')
              .select(sql<string>`count(*) || ' ' || coalesce(sum(reopens), 0)`.as('reopened'))
              .whereRef('intervals.view', '=', 'asked.view')
              .whereRef('intervals.version', '=', 'asked.version')
              .where('reopened_because', 'is not', null)
              .as('reopened'),
          ])
          .execute()
        return rows.map(({ view, version, ...changing }) => ({
          ...{ view, version },
          mark: Object.values(changing).join('|'),
        }))
      }),

    standingIntervals: (key, range) => client.query((db) => readIntervalStates(db, key, range, 'standing')),

    keepingBackfills: (keys) =>
      client.query(async (db) => {
        if (keys.length === 0) return []
        const rows = await asked(db, keys)
          .innerJoin('backfills', (join) =>
            join.onRef('backfills.view', '=', 'asked.view').onRef('backfills.version', '=', 'asked.version'),
          )
          .innerJoinLateral(
            (query) =>
              query
                .selectFrom('commits')
                .innerJoin('intervals', 'intervals.commit_id', 'commits.commit_id')
                .select(['intervals.start_at', 'intervals.end_at'])
                .whereRef('commits.backfill_id', '=', 'backfills.backfill_id')
                .where('commits.published_sequence', 'is', null)
                .where((row) =>
                  row.not(
                    row.exists(
                      row
                        .selectFrom('publishes')
                        .select('publishes.sequence')
                        .whereRef('publishes.view', '=', 'asked.view')
                        .whereRef('publishes.version', '=', 'asked.version')
                        .where('publishes.state', '=', 'finished')
                        .whereRef('publishes.end_at', '>=', 'intervals.end_at'),
                    ),
                  ),
                )
                .orderBy('commits.start_at')
                .limit(1)
                .as('oldest'),
            (join) => join.onTrue(),
          )
          .where('backfills.ended_at', 'is', null)
          .orderBy('backfills.ordinal')
          .selectAll('backfills')
          .select(['oldest.start_at as from_at', 'oldest.end_at as until_at'])
          .execute()
        return rows.map(({ from_at: start, until_at: end, ...row }) => ({
          ...{ view: row.view, version: row.version, backfillId: row.backfill_id, state: stateOf(row) },
          interval: { start, end },
        }))
      }),

    openRuns: () =>
      client.query(async (db) => {
        const rows = await db
          .selectFrom('runs')
          .select(['run_id', 'view', 'version', 'start_at', 'end_at', 'outcome'])
          .select(
            sql<number>`(extract(epoch from clock_timestamp() -
              case outcome when 'held' then ended_at else coalesce(pinned_at, started_at) end) * 1000)::float8`.as(
              'age_ms',
            ),
          )
          .where('outcome', 'in', ['running', 'held'])
          .where('number', 'is not', null)
          .orderBy('ordinal')
          .execute()
        const held = await db
          .selectFrom('commits')
          .select(['run_id', 'of_run', 'view', 'version', 'start_at', 'end_at', 'held_features'])
          .select(sql<number>`(extract(epoch from clock_timestamp() - committed_at) * 1000)::float8`.as('age_ms'))
          .where('held_features', 'is not', null)
          .where('superseded_by', 'is', null)
          .where('held_rejected', '=', false)
          .orderBy('commit_id')
          .execute()
        return [
          ...rows.map((row) => ({
            ...{ runId: row.run_id, view: row.view, version: row.version },
            interval: { start: row.start_at, end: row.end_at },
            outcome: row.outcome as 'running' | 'held',
            ageMs: row.age_ms,
          })),
          ...held.map((row) => ({
            ...{ runId: row.of_run ?? row.run_id, view: row.view, version: row.version },
            interval: { start: row.start_at, end: row.end_at },
            outcome: 'held' as const,
            features: row.held_features!,
            ageMs: row.age_ms,
          })),
        ]
      }),

    runPaces: (keys) =>
      client.query(async (db) => {
        if (keys.length === 0) return []
        const rows = await asked(db, keys)
          .innerJoinLateral(
            (query) =>
              query
                .selectFrom((runs) =>
                  runs
                    .selectFrom('runs')
                    .select(sql<number>`extract(epoch from ended_at - coalesce(pinned_at, started_at)) * 1000`.as('ms'))
                    .whereRef('runs.view', '=', 'asked.view')
                    .whereRef('runs.version', '=', 'asked.version')
                    .where('outcome', 'in', ['done', 'committed', 'accepted', 'held', 'rejected'])
                    .where('ended_at', 'is not', null)
                    .orderBy('ordinal', 'desc')
                    .limit(paceRuns)
                    .as('newest'),
                )
                .select([
                  sql<number>`count(*)::integer`.as('runs'),
                  sql<number | null>`(percentile_disc(0.95) within group (order by ms))::float8`.as('p95_ms'),
                ])
                .as('pace'),
            (join) => join.onTrue(),
          )
          .select(['asked.view', 'asked.version', 'pace.runs', 'pace.p95_ms'])
          .execute()
        return rows.map(({ view, version, runs, p95_ms: p95Ms }) => ({ view, version, runs, p95Ms }))
      }),

    goodRuns: (keys) =>
      client.query(async (db) => {
        if (keys.length === 0) return []
        const rows = await asked(db, keys)
          .innerJoinLateral(
            (query) =>
              query
                .selectFrom('runs')
                .select(['run_id', 'start_at', 'end_at', 'verdict'])
                .whereRef('runs.view', '=', 'asked.view')
                .whereRef('runs.version', '=', 'asked.version')
                .where('outcome', 'in', ['done', 'committed', 'accepted'])
                .orderBy('start_at', 'desc')
                .orderBy('ordinal', 'desc')
                .limit(1)
                .as('good'),
            (join) => join.onTrue(),
          )
          .select(['asked.view', 'asked.version', 'good.run_id', 'good.start_at', 'good.end_at', 'good.verdict'])
          .execute()
        return rows.map((row) => ({
          ...{ view: row.view, version: row.version, runId: row.run_id },
          interval: { start: row.start_at, end: row.end_at },
          findings: (row.verdict as Verdict | null)?.findings ?? [],
        }))
      }),
  }
}

function asked(db: Database, keys: readonly ViewKey[]) {
  return db.selectFrom(
    sql<ViewKey>`unnest(${keys.map(({ view }) => view)}::text[], ${keys.map(({ version }) => version)}::integer[])`.as<'asked'>(
      sql`asked(view, version)`,
    ),
  )
}
