/** Which runs lose their details, and when (core/ports/run-details-ledger.ts). */
import { sql } from 'kysely'
import { goodOutcomes } from '../../core/judge/index.js'
import type { ViewKey } from '../../core/ports/ledger.js'
import type { RunDetailsRetention, RunDetailsWriter } from '../../core/ports/run-details-ledger.js'
import { formatInstant, type Instant } from '../../core/time/instant.js'
import type { Database, PostgresClient } from './client.js'
import { openBackfillIds } from './left-out-commits.js'
import { leavesNothing } from './run-file-removal.js'

/** A few megabytes of log, and less than a second, in which a writer may have to wait for one of these rows. */
const runsAtOnce = 500

export function createRunDetails(client: PostgresClient): RunDetailsWriter {
  return {
    removeRunDetails: (key, retention) =>
      client.query(async (db) => {
        const newestGood = await newestGoodStart(db, key)
        const floor = newestGood === null ? null : newestGood - retention.baselineReachNs
        const told = await runsTold(db)
        // One statement: whoever kills it leaves the details whole.
        const { numUpdatedRows } = await db
          .with('old', () => oldRuns(db, key, retention, { floor, told }))
          .with('old_sketches', (query) =>
            query.deleteFrom('run_sketches').where('run_id', 'in', (is) => is.selectFrom('old').select('old.run_id')),
          )
          .with('old_files', (query) =>
            query.deleteFrom('run_files').where('run_id', 'in', (is) => is.selectFrom('old').select('old.run_id')),
          )
          .with('old_spends', (query) =>
            query.deleteFrom('spends').where('subject', 'in', (is) => is.selectFrom('old').select('old.run_id')),
          )
          .updateTable('runs')
          .from('old')
          .set({ profile: null, details_removed_at: sql`clock_timestamp()` })
          .whereRef('runs.run_id', '=', 'old.run_id')
          .executeTakeFirst()
        return Number(numUpdatedRows)
      }),
  }
}

interface StillRead {
  /** What a baseline reaches begins here; null: no baseline reaches anything. */
  readonly floor: Instant | null
  /** Runs that open incidents name. */
  readonly told: readonly string[]
}

function oldRuns(db: Database, key: ViewKey, { endedUntil }: RunDetailsRetention, { floor, told }: StillRead) {
  const gone = db
    .selectFrom('run_files')
    .select(sql<bigint>`count(*)`.as('rooms'))
    .where(sql<boolean>`run_files.run_id = runs.run_id`)
    .where('removed_at', 'is not', null)
  const awaiting = db
    .selectFrom('commits')
    .select(sql<string>`coalesce(of_run, run_id)`.as('run_id'))
    .where('view', '=', key.view)
    .where('version', '=', key.version)
    .where('held_features', 'is not', null)
    .where('superseded_by', 'is', null)
    .where('held_rejected', '=', false)
  let runs = db
    .selectFrom('runs')
    .select('run_id')
    .where('view', '=', key.view)
    .where('version', '=', key.version)
    .where('details_removed_at', 'is', null)
    .where(sql<boolean>`ended_at <= ${toMicroseconds(endedUntil)}::timestamptz`)
    // Candidates and rejected rows, each known to be gone.
    .where((is) => is.or([is('outcome', 'in', [...leavesNothing]), sql<boolean>`(${gone}) = 2`]))
    .where('run_id', 'not in', awaiting)
    .where(sql<boolean>`run_id <> all(${told}::text[])`)
    .where((is) => is.or([is('backfill_id', 'is', null), is('backfill_id', 'not in', openBackfillIds(db, key))]))
  if (floor !== null) runs = runs.where('start_at', '<', floor)
  return runs.orderBy('ended_at').limit(runsAtOnce).forUpdate().skipLocked()
}

/** Read here: Postgres takes nothing out of JSON that holds a NUL character anywhere, as the words of an error may. */
async function runsTold(db: Database): Promise<string[]> {
  const open = await db.selectFrom('incidents').select('body').where('is_open', '=', true).execute()
  return open.flatMap(({ body: { facts } }) => (typeof facts.run === 'string' ? [facts.run] : []))
}

/** As precisely as the server keeps moments; what it would round up it would take too early. */
function toMicroseconds(instant: Instant): string {
  return formatInstant(instant - (((instant % 1_000n) + 1_000n) % 1_000n))
}

/** Of its interval; null: no run of the version was good. */
async function newestGoodStart(db: Database, key: ViewKey): Promise<Instant | null> {
  const row = await db
    .selectFrom('runs')
    .select('start_at')
    .where('view', '=', key.view)
    .where('version', '=', key.version)
    .where('outcome', 'in', goodOutcomes)
    .orderBy('start_at', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row?.start_at ?? null
}
