/** Which other versions of a view a repair has left with something to do: nobody follows them, so the tick of the newest one asks. */
import { sql } from 'kysely'
import { passingCodes, qualityRepair } from '../../core/plan/interval-need.js'
import type { ViewKey } from '../../core/ports/ledger.js'
import type { Database } from './client.js'

/**
 * A run clears what re-opened its interval when it is pinned. So what it has not brought to an end is told by what it leaves: a run of what is
 * committed that is under way, or may be tried again; and what is committed, or a rebuild that is asked for, where the version was published once.
 */
export async function readRepairedVersions(db: Database, { view, version }: ViewKey): Promise<number[]> {
  const found = reopened(db, view).union(running(db, view)).union(unpublished(db, view))
  const others = db.selectFrom(found.as('found')).select('version').where('version', '!=', version)
  return (await others.orderBy('version').execute()).map((row) => row.version)
}

function reopened(db: Database, view: string) {
  return db
    .selectFrom('intervals')
    .select('intervals.version')
    .where('view', '=', view)
    .where('reopened_because', 'is not', null)
    .where(sql<boolean>`starts_with(reopened_because, ${qualityRepair})`)
}

/** The latest of an interval that has something committed: of one that has nothing, nothing was re-opened. */
function running(db: Database, view: string) {
  return (
    db
      .selectFrom('runs')
      .innerJoin('intervals', (join) =>
        join
          .onRef('intervals.view', '=', 'runs.view')
          .onRef('intervals.version', '=', 'runs.version')
          .onRef('intervals.start_at', '=', 'runs.start_at')
          .onRef('intervals.end_at', '=', 'runs.end_at'),
      )
      .select('runs.version')
      .where('runs.view', '=', view)
      .where('intervals.commit_id', 'is not', null)
      // Said first, for the index of runs that are not done.
      .where('runs.outcome', '!=', 'done')
      .where((row) =>
        row.or([
          row('runs.outcome', 'in', ['running', 'not-ready']),
          row.and([row('runs.outcome', '=', 'failed'), row('runs.error_code', 'in', passingCodes)]),
        ]),
      )
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom('runs as later')
              .select('later.run_id')
              .whereRef('later.view', '=', 'runs.view')
              .whereRef('later.version', '=', 'runs.version')
              .whereRef('later.start_at', '=', 'runs.start_at')
              .whereRef('later.end_at', '=', 'runs.end_at')
              .whereRef('later.ordinal', '>', 'runs.ordinal')
              .where('later.outcome', '!=', 'skipped'),
          ),
        ),
      )
  )
}

/** Commits as `unmarkedCommits` counts them. */
function unpublished(db: Database, view: string) {
  const open = db
    .selectFrom('backfills')
    .select('backfill_id')
    .where('backfills.view', '=', view)
    .where('ended_at', 'is', null)
  return db
    .selectFrom('view_versions')
    .select('view_versions.version')
    .where('view_versions.view', '=', view)
    .where('finished_sequence', '>', 0n)
    .where((row) =>
      row.or([
        row('rebuild_after', 'is not', null),
        row.exists(
          row
            .selectFrom('commits')
            .select('commits.commit_id')
            .whereRef('commits.view', '=', 'view_versions.view')
            .whereRef('commits.version', '=', 'view_versions.version')
            .where('commits.published_sequence', 'is', null)
            .where((one) =>
              one.or([one('commits.backfill_id', 'is', null), one('commits.backfill_id', 'not in', open)]),
            ),
        ),
      ]),
    )
}
