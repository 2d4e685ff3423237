/** One row per incident; at most one open per cause (a unique index says so). */
import type { LedgerWriter } from '../../core/ports/ledger.js'
import type { Incident } from '../../core/watch/incident.js'
import { type OpenTransaction, type PostgresClient, toJson } from './client.js'

export type IncidentRecords = Pick<LedgerWriter, 'upsertIncident' | 'openIncidents' | 'incidents'>

export function createIncidentRecords(client: PostgresClient): IncidentRecords {
  return {
    upsertIncident: (incident) =>
      client.transact(async (trx) => {
        if (incident.resolvedAt === null && (await insertOpen(trx, incident))) return 'opened'
        const known = await trx
          .selectFrom('incidents')
          .selectAll()
          .where('key', '=', incident.key)
          .where('is_open', '=', true)
          .forUpdate()
          .executeTakeFirst()
        // Resolving what is not open, or what another watcher has just resolved.
        if (known === undefined) return 'unchanged'
        const isResolved = incident.resolvedAt !== null
        if (!isResolved && tells(incident) === tells(known.body)) return 'unchanged'
        await trx
          .updateTable('incidents')
          .set({ is_open: !isResolved, body: toJson({ ...incident, openedAt: known.body.openedAt }) })
          .where('incident_id', '=', known.incident_id)
          .execute()
        return isResolved ? 'resolved' : 'updated'
      }),

    openIncidents: () =>
      client.query(async (db) => {
        const rows = await db
          .selectFrom('incidents')
          .select('body')
          .where('is_open', '=', true)
          .orderBy('incident_id')
          .execute()
        return rows.map((row) => row.body)
      }),

    incidents: ({ limit, includeResolved }) =>
      client.query(async (db) => {
        const all = db.selectFrom('incidents').select('body').orderBy('incident_id', 'desc').limit(limit)
        const rows = await (includeResolved ? all : all.where('is_open', '=', true)).execute()
        return rows.map((row) => row.body)
      }),
  }
}

async function insertOpen(trx: OpenTransaction, incident: Incident): Promise<boolean> {
  const { numInsertedOrUpdatedRows: inserted } = await trx
    .insertInto('incidents')
    .values({ key: incident.key, is_open: true, body: toJson(incident) })
    .onConflict((conflict) => conflict.column('key').where('is_open', '=', true).doNothing())
    .executeTakeFirst()
  return inserted === 1n
}

/** What a receiver of the alert would want to hear again. */
function tells(incident: Incident): string {
  const { rule, severity, view, version, owner, summary, nextStep, facts } = incident
  return toJson([rule, severity, view, version, owner, summary, nextStep, Object.entries(facts).sort()])
}
