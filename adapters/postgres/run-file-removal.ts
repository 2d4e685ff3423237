/** Which candidates and rejected rows may go (core/ports/run-files-ledger.ts). */
import { type RawBuilder, sql } from 'kysely'
import type { RunFiles, RunFilesWriter } from '../../core/ports/run-files-ledger.js'
import type { Database, PostgresClient } from './client.js'
import { before } from './file-removal.js'

const foldersAtOnce = 5_000
/** Outcomes of runs that have computed nothing, or are not over. */
export const leavesNothing = ['running', 'skipped', 'not-ready'] as const

export function createRunFileRemoval(client: PostgresClient): RunFilesWriter {
  return {
    markRunFiles: (key, { candidatesKeptMs, quarantineKeptMs }) =>
      client.query(async (db) => {
        const rooms = [
          ['candidates', candidatesKeptMs],
          ['quarantine', quarantineKeptMs],
        ] as const
        let marked = 0
        for (const [room, keptMs] of rooms) {
          const known = db
            .selectFrom('run_files')
            .select('run_files.run_id')
            .where('room', '=', room)
            .where(sql<boolean>`run_files.run_id = runs.run_id`)
          const { numInsertedOrUpdatedRows } = await db
            .insertInto('run_files')
            .columns(['room', 'run_id', 'view', 'version'])
            .expression((query) =>
              query
                .selectFrom('runs')
                .select([sql<RunFiles['room']>`${room}::text`.as('room'), 'run_id', 'view', 'version'])
                .where('view', '=', key.view)
                .where('version', '=', key.version)
                // With them went what is known of its files: that they are gone.
                .where('details_removed_at', 'is', null)
                .where('outcome', 'not in', [...leavesNothing])
                .where(sql<boolean>`ended_at <= ${before(keptMs)}`)
                .where(sql<boolean>`not exists (${known})`)
                .where(sql<boolean>`not ${canBeAccepted(db)}`)
                .orderBy('ordinal')
                .limit(foldersAtOnce),
            )
            .onConflict((conflict) => conflict.doNothing())
            .executeTakeFirst()
          marked += Number(numInsertedOrUpdatedRows ?? 0)
        }
        return marked
      }),

    markedRunFiles: (key, graceMs) =>
      client.query(async (db) => {
        const rows = await db
          .selectFrom('run_files')
          .select(['room', 'run_id'])
          .where('view', '=', key.view)
          .where('version', '=', key.version)
          .where('removed_at', 'is', null)
          .where(sql<boolean>`marked_at <= ${before(graceMs)}`)
          .orderBy('run_id')
          .limit(foldersAtOnce)
          .execute()
        return rows.map(({ room, run_id: runId }) => ({ room, runId }))
      }),

    forgetRunFiles: (key, gone) =>
      client.query(async (db) => {
        const folders = gone.map(({ room, runId }) => `${room}/${runId}`)
        await db
          .updateTable('run_files')
          .set({ removed_at: sql`clock_timestamp()` })
          .where('view', '=', key.view)
          .where('version', '=', key.version)
          .where(sql<boolean>`room || '/' || run_id = any(${folders}::text[])`)
          .execute()
      }),
  }
}

/** Of `runs` outside, R37: held, and no run with a higher number is committed; or a decision on it is still to be carried out. */
function canBeAccepted(db: Database): RawBuilder<boolean> {
  const newer = db
    .selectFrom('intervals')
    .innerJoin('commits', 'commits.commit_id', 'intervals.commit_id')
    .select('commits.commit_id')
    .where(sql<boolean>`intervals.view = runs.view and intervals.version = runs.version`)
    .where(sql<boolean>`intervals.start_at = runs.start_at and intervals.end_at = runs.end_at`)
    .where(sql<boolean>`commits.number > runs.number`)
  const pending = db
    .selectFrom('decisions')
    .select('decision_id')
    .where(sql<boolean>`decisions.run_id = runs.run_id`)
    .where('applied_at', 'is', null)
  return sql<boolean>`((runs.outcome = 'held' and not exists (${newer})) or exists (${pending}))`
}
