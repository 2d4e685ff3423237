/** One row per incident, at most one open per cause (a unique index says so), and what people say of it. */
import { MillcourseError } from '../../core/errors.js'
import type { IncidentLife, IncidentReader, IncidentWriter } from '../../core/ports/incident-ledger.js'
import { parseInstant } from '../../core/time/instant.js'
import type { Incident, IncidentEvent, IncidentWord } from '../../core/watch/incident.js'
import { writeAudit } from './audit.js'
import { type Database, type OpenTransaction, type PostgresClient, toJson } from './client.js'
import { heardBy, insertEvent, insertOpen, keepWords, lockOpen, newestOf } from './incident-rows.js'

export type IncidentRecords = IncidentReader &
  Pick<IncidentWriter, 'watchedIncidents' | 'upsertIncident' | 'acknowledgeIncident' | 'silenceIncident'>

export function createIncidentRecords(client: PostgresClient): IncidentRecords {
  return {
    upsertIncident: (incident) =>
      client.transact(async (trx) => {
        const known = await lockOpen(trx, incident.key)
        if (known === undefined) return await openOnce(trx, incident)
        const isResolved = incident.resolvedAt !== null
        if (!isResolved && tells(incident) === tells(known.body)) return 'unchanged'
        const seen = { ...keepWords(incident, known.body), openedAt: known.body.openedAt }
        const body = heardBy(seen, known.body, false)
        await trx
          .updateTable('incidents')
          .set({ is_open: !isResolved, body: toJson(body) })
          .where('incident_id', '=', known.incident_id)
          .execute()
        const event = isResolved ? 'resolved' : 'updated'
        await insertEvent(trx, known.incident_id, { event, incident: body }, { isTold: true })
        return event
      }),

    openIncidents: () => client.query(async (db) => (await readOpen(db)).map(({ body }) => body)),

    watchedIncidents: () =>
      client.query(async (db) => (await readOpen(db)).map(({ body, news }) => ({ ...body, news }))),

    incidentPage: ({ limit, before }) =>
      client.query(async (db) => {
        const newest = db.selectFrom('incidents').select(['incident_id', 'body']).orderBy('incident_id', 'desc')
        // One more than is shown says whether there are others.
        const rows = await (before === undefined ? newest : newest.where('incident_id', '<', BigInt(before)))
          .limit(limit + 1)
          .execute()
        const shown = rows.slice(0, limit)
        const next = rows.length > limit ? String(shown.at(-1)!.incident_id) : null
        return { incidents: shown.map(({ body }) => body), next }
      }),

    incidentLife: (key) => client.query((db) => readLife(db, key)),

    acknowledgeIncident: (key, word) =>
      client.transact((trx) => sayOf(trx, key, word, 'acknowledged', { acknowledged: word })),

    silenceIncident: (key, word) => client.transact((trx) => sayOf(trx, key, word, 'silenced', { silenced: word })),
  }
}

/** What resolves nothing that is open, and an outage that another watcher has seen begin and end, change nothing. */
async function openOnce(trx: OpenTransaction, incident: Incident): Promise<'opened' | 'unchanged'> {
  if (incident.resolvedAt !== null) return 'unchanged'
  const before = await newestOf(trx, incident.key)
  if (before?.body.resolvedAt && parseInstant(before.body.resolvedAt) > parseInstant(incident.openedAt))
    return 'unchanged'
  const incidentId = await insertOpen(trx, incident, null)
  if (incidentId === null) return 'unchanged'
  await insertEvent(trx, incidentId, { event: 'opened', incident }, { isTold: true })
  return 'opened'
}

async function readOpen(db: Database) {
  return await db
    .selectFrom('incidents')
    .select(['body', 'news'])
    .where('is_open', '=', true)
    .orderBy('incident_id')
    .execute()
}

async function readLife(db: Database, key: string): Promise<IncidentLife | null> {
  const newest = await newestOf(db, key)
  if (newest === undefined) return null
  const events = await db
    .selectFrom('incident_events')
    .selectAll()
    .where('incident_id', '=', newest.incident_id)
    .orderBy('event_id')
    .execute()
  return {
    incident: newest.body,
    history: events.map((row) => ({
      event: row.event,
      at: row.at,
      by: row.acted_by,
      note: row.note,
      severity: row.body.severity,
      summary: row.body.summary,
      told: row.is_quiet ? 'quiet' : (row.told_at ?? 'waiting'),
    })),
  }
}

/** A person's word, with its event and its audit. @throws MillcourseError INCIDENT_UNKNOWN, INCIDENT_NOT_OPEN */
async function sayOf(
  trx: OpenTransaction,
  key: string,
  { at, by, note }: IncidentWord,
  event: IncidentEvent,
  change: Partial<Incident>,
): Promise<Incident> {
  const known = await lockOpen(trx, key)
  if (known === undefined) throw notOpen(key, await newestOf(trx, key))
  const incident = { ...known.body, ...change, updatedAt: at }
  await trx
    .updateTable('incidents')
    .set({ body: toJson(incident) })
    .where('incident_id', '=', known.incident_id)
    .execute()
  await insertEvent(trx, known.incident_id, { event, incident }, { by, note })
  await writeAudit(trx, { by, action: `incident ${event}`, subject: key, reason: note })
  return incident
}

function notOpen(key: string, newest: { readonly body: Incident } | undefined): MillcourseError {
  const resolvedAt = newest?.body.resolvedAt
  if (resolvedAt)
    return new MillcourseError('INCIDENT_NOT_OPEN', `incident "${key}" was resolved at ${resolvedAt}`, {
      hint: 'nothing is to be done; `millcourse incidents` lists what is open',
      facts: { key, resolvedAt },
    })
  return new MillcourseError('INCIDENT_UNKNOWN', `there is no incident "${key}"`, {
    hint: '`millcourse incidents` lists them with their keys; quote a key that has a space',
    facts: { key },
  })
}

/** What a receiver of the alert would want to hear again. */
function tells(incident: Incident): string {
  const { rule, severity, view, version, owner, summary, nextStep, facts } = incident
  return toJson([rule, severity, view, version, owner, summary, nextStep, Object.entries(facts).sort()])
}
