/** What is known of the intervals of a view version, read where it lies: planners and the watcher ask of years. */
import { sql } from 'kysely'
import type { IntervalState } from '../../core/plan/interval-state.js'
import type { ViewKey } from '../../core/ports/ledger.js'
import type { Interval } from '../../core/time/interval.js'
import type { Database } from './client.js'
import { openBackfillIds } from './left-out-commits.js'

/** In the database, so that years of settled intervals are passed over there and not brought here. */
export async function readIntervalGaps(db: Database, key: ViewKey, range: Interval): Promise<Interval[]> {
  const edge = sql<bigint>`${range.start}::numeric`
  const rows = await db
    .with('known', (query) =>
      query
        .selectFrom('intervals')
        .select(['start_at', 'end_at'])
        .where('view', '=', key.view)
        .where('version', '=', key.version)
        .where('start_at', '<', range.end)
        .where('end_at', '>', range.start)
        .unionAll(query.selectNoFrom([edge.as('start_at'), edge.as('end_at')])),
    )
    .selectFrom('known')
    .select([
      sql<bigint>`max(end_at) over (order by start_at, end_at)`.as('start'),
      sql<bigint>`lead(start_at, 1, ${range.end}::numeric) over (order by start_at, end_at)`.as('end'),
    ])
    .execute()
  return rows.filter((gap) => gap.start < gap.end)
}

/** Of an interval's latest run: it is not settled. */
const openOutcomes = ['running', 'failed', 'not-ready'] as const
/** The same, or it awaits a decision. */
const standingOutcomes = [...openOutcomes, 'held'] as const

export async function readIntervalStates(
  db: Database,
  key: ViewKey,
  range: Interval,
  which: 'all' | 'unsettled' | 'standing' = 'all',
): Promise<IntervalState[]> {
  const rows = await db
    .selectFrom('intervals')
    .leftJoin('commits', 'commits.commit_id', 'intervals.commit_id')
    .leftJoinLateral(
      (query) =>
        query
          .selectFrom('runs')
          .select(['run_id', 'number', 'outcome', 'error_code', 'named_source', 'inputs_hash', 'definition_hash'])
          .whereRef('runs.view', '=', 'intervals.view')
          .whereRef('runs.version', '=', 'intervals.version')
          .whereRef('runs.start_at', '=', 'intervals.start_at')
          .whereRef('runs.end_at', '=', 'intervals.end_at')
          // A skipped run has found that there was nothing to do: the one before it says what the interval is.
          .where('outcome', '!=', 'skipped')
          .orderBy('ordinal', 'desc')
          .limit(1)
          .as('latest'),
      (join) => join.onTrue(),
    )
    .leftJoinLateral(
      (query) =>
        query
          .selectFrom('runs')
          .select(['runs.run_id as ended_run_id', 'runs.outcome as ended_as', 'runs.error_code as ended_code'])
          .select('runs.named_source as ended_source')
          .where('latest.outcome', '=', 'running')
          .whereRef('runs.view', '=', 'intervals.view')
          .whereRef('runs.version', '=', 'intervals.version')
          .whereRef('runs.start_at', '=', 'intervals.start_at')
          .whereRef('runs.end_at', '=', 'intervals.end_at')
          .where('runs.outcome', 'not in', ['running', 'skipped'])
          .orderBy('runs.ordinal', 'desc')
          .limit(1)
          .as('ended'),
      (join) => join.onTrue(),
    )
    .where('intervals.view', '=', key.view)
    .where('intervals.version', '=', key.version)
    .where('intervals.start_at', '<', range.end)
    .where('intervals.end_at', '>', range.start)
    .$if(which === 'unsettled', (query) =>
      query
        .where((row) =>
          row.or([
            row('intervals.commit_id', 'is', null),
            row('intervals.reopened_because', 'is not', null),
            row.exists(
              row
                .selectFrom('runs')
                .select('runs.run_id')
                .whereRef('runs.view', '=', 'intervals.view')
                .whereRef('runs.version', '=', 'intervals.version')
                .whereRef('runs.start_at', '=', 'intervals.start_at')
                .whereRef('runs.end_at', '=', 'intervals.end_at')
                .where('runs.outcome', 'in', openOutcomes),
            ),
          ]),
        )
        // Of the few that are left: a later run may have made good what an earlier one could not.
        .where((row) =>
          row.or([
            row('intervals.commit_id', 'is', null),
            row('intervals.reopened_because', 'is not', null),
            row('latest.outcome', 'in', openOutcomes),
          ]),
        ),
    )
    .$if(which === 'standing', (query) =>
      query
        .where('intervals.end_at', '<=', range.end)
        // From the few that something is known of, by their indexes: the watcher asks of years every few seconds.
        .where('intervals.start_at', 'in', startsInSight(db, key))
        .where((row) =>
          row.or([
            row('intervals.commit_id', 'is', null),
            row('intervals.reopened_because', 'is not', null),
            row('latest.outcome', 'in', standingOutcomes),
            row.and([row('commits.held_features', 'is not', null), row('commits.held_rejected', '=', false)]),
          ]),
        ),
    )
    .orderBy('intervals.start_at')
    .select([
      'intervals.start_at',
      'intervals.end_at',
      'intervals.reopened_because',
      'intervals.reopens',
      'commits.commit_id',
      sql<string | null>`coalesce(commits.of_run, commits.run_id)`.as('committed_run_id'),
      'commits.number as committed_number',
      'commits.path',
      'commits.published_sequence',
      (row) =>
        row
          .and([
            row('commits.published_sequence', 'is', null),
            row('commits.backfill_id', 'in', openBackfillIds(db, key)),
          ])
          .as('is_of_open_backfill'),
      'commits.held_features',
      'commits.held_rejected',
      'latest.run_id',
      'latest.number',
      'latest.outcome',
      'latest.inputs_hash',
      'latest.definition_hash',
      'latest.error_code',
      'latest.named_source',
      'ended.ended_run_id',
      'ended.ended_as',
      'ended.ended_code',
      'ended.ended_source',
    ])
    .execute()
  return rows.map((row) => ({
    interval: { start: row.start_at, end: row.end_at },
    committed:
      row.commit_id === null
        ? null
        : {
            commitId: row.commit_id,
            runId: row.committed_run_id!,
            number: row.committed_number!,
            isEmpty: row.path === null,
            isPublished: row.published_sequence !== null,
            ...(row.is_of_open_backfill ? { isOfOpenBackfill: true } : {}),
            ...(row.held_features !== null && !row.held_rejected ? { heldFeatures: row.held_features } : {}),
          },
    latestRun:
      row.run_id === null
        ? null
        : {
            runId: row.run_id,
            number: row.number,
            outcome: row.outcome!,
            errorCode: row.error_code,
            ...(row.named_source === null ? {} : { source: row.named_source }),
            inputsHash: row.inputs_hash,
            definitionHash: row.definition_hash!,
          },
    ...(row.ended_run_id === null
      ? {}
      : {
          endedRun: {
            ...{ runId: row.ended_run_id, outcome: row.ended_as!, errorCode: row.ended_code },
            ...(row.ended_source === null ? {} : { source: row.ended_source }),
          },
        }),
    reopenedBecause: row.reopened_because,
    reopens: row.reopens,
  }))
}

/** Also of some whose later run has made good what an earlier one could not. */
function startsInSight(db: Database, { view, version }: ViewKey) {
  const open = db
    .selectFrom('intervals as open')
    .select('open.start_at')
    .where('open.view', '=', view)
    .where('open.version', '=', version)
    .where((row) => row.or([row('open.commit_id', 'is', null), row('open.reopened_because', 'is not', null)]))
  const notDone = db
    .selectFrom('runs as not_done')
    .select('not_done.start_at')
    .where('not_done.view', '=', view)
    .where('not_done.version', '=', version)
    .where('not_done.outcome', 'in', standingOutcomes)
  const holding = db
    .selectFrom('commits as holding')
    .select('holding.start_at')
    .where('holding.view', '=', view)
    .where('holding.version', '=', version)
    .where('holding.held_features', 'is not', null)
    .where('holding.superseded_by', 'is', null)
  return open.union(notDone).union(holding)
}
