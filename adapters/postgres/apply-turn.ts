import { sql } from 'kysely'
import { MillcourseError } from '../../core/errors.js'
import type { PostgresClient } from './client.js'
import { isLockTimeout, toMillcourseError } from './errors.js'

/** A first apply makes hundreds of Schedules. */
const waitMaxMs = 120_000

/**
 * Holds the project's turn for as long as the work takes, on a connection of its own: nobody ends a transaction there for being idle, and whoever
 * dies gives the turn back with the connection.
 */
export async function inTurn<T>(client: PostgresClient, work: () => Promise<T>): Promise<T> {
  const { db, server } = client.maintain()
  let isOurs = false
  try {
    return await db.transaction().execute(async (trx) => {
      await sql`select set_config('lock_timeout', ${String(waitMaxMs)}, true)`.execute(trx)
      const turn = `millcourse schedules ${client.project}`
      await sql`select pg_advisory_xact_lock(hashtextextended(${turn}, 0))`.execute(trx)
      isOurs = true
      return await work()
    })
  } catch (error) {
    if (isOurs) throw error
    if (!isLockTimeout(error)) throw toMillcourseError(error, server)
    throw new MillcourseError('LEDGER_CONFLICT', `another apply of project "${client.project}" is still under way`, {
      cause: error,
      hint: 'apply again when it has ended',
      facts: { project: client.project, server },
    })
  } finally {
    await db.destroy()
  }
}
