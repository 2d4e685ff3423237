/** What Schedules were last brought to. */
import { sql } from 'kysely'
import type { ScheduleMarks } from '../../core/ports/schedule-marks.js'
import type { PostgresClient } from './client.js'

export function createScheduleMarks(client: PostgresClient): ScheduleMarks {
  return {
    scheduleMarks: () =>
      client.query(async (db) => {
        const rows = await db.selectFrom('schedule_marks').selectAll().execute()
        return new Map(rows.map((row) => [row.schedule_id, row.mark]))
      }),

    forgetScheduleMarks: (ids) =>
      client.query(async (db) => {
        await db
          .deleteFrom('schedule_marks')
          .where('schedule_id', '=', sql<string>`any(${[...ids]}::text[])`)
          .execute()
      }),

    keepScheduleMarks: (marks) =>
      client.query(async (db) => {
        if (marks.size === 0) return
        await db
          .insertInto('schedule_marks')
          .columns(['schedule_id', 'mark'])
          .expression(sql`select * from unnest(${[...marks.keys()]}::text[], ${[...marks.values()]}::text[])`)
          .onConflict((conflict) =>
            conflict.column('schedule_id').doUpdateSet(({ ref }) => ({ mark: ref('excluded.mark') })),
          )
          .execute()
      }),
  }
}
