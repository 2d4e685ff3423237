/** Rows of incidents and of their events. */
import { sql } from 'kysely'
import { parseInstant } from '../../core/time/instant.js'
import type { Incident, IncidentChange } from '../../core/watch/incident.js'
import { type Database, type OpenTransaction, toJson } from './client.js'

export async function lockOpen(trx: OpenTransaction, key: string) {
  return await trx
    .selectFrom('incidents')
    .selectAll()
    .where('key', '=', key)
    .where('is_open', '=', true)
    .forUpdate()
    .executeTakeFirst()
}

/** The open one, else the last that was. */
export async function newestOf(db: Database, key: string) {
  return await db
    .selectFrom('incidents')
    .selectAll()
    .where('key', '=', key)
    .orderBy('incident_id', 'desc')
    .limit(1)
    .executeTakeFirst()
}

/** Null: one is open. */
export async function insertOpen(
  trx: OpenTransaction,
  incident: Incident,
  news: string | null,
): Promise<bigint | null> {
  const inserted = await trx
    .insertInto('incidents')
    .values({ key: incident.key, is_open: true, body: toJson(incident), news })
    .onConflict((conflict) => conflict.column('key').where('is_open', '=', true).doNothing())
    .returning('incident_id')
    .executeTakeFirst()
  return inserted?.incident_id ?? null
}

export async function insertEvent(
  trx: OpenTransaction,
  incidentId: bigint,
  { event, incident }: IncidentChange,
  how: { readonly by?: string; readonly note?: string | null; readonly isTold?: boolean },
): Promise<void> {
  await trx
    .insertInto('incident_events')
    .values({
      incident_id: incidentId,
      event,
      at: incident.updatedAt,
      acted_by: how.by ?? null,
      note: how.note ?? null,
      body: toJson(incident),
      is_quiet: await isQuiet(trx, incidentId, { event, incident }),
      told_at: how.isTold === true ? sql`clock_timestamp()` : null,
    })
    .execute()
}

/** What people said stays, whatever a watcher had read before they did. */
export function keepWords(incident: Incident, known: Incident): Incident {
  return {
    ...incident,
    ...(known.acknowledged === undefined ? {} : { acknowledged: known.acknowledged }),
    ...(known.silenced === undefined ? {} : { silenced: known.silenced }),
  }
}

/** Of what is quiet nobody hears; who has heard of an incident once is told of its end. */
export function heardBy(incident: Incident, known: Incident | null, isQuiet: boolean): Incident {
  const { toldTo = [], ...rest } = incident
  const names = [...new Set([...(known?.toldTo ?? []), ...(isQuiet ? [] : toldTo)])]
  return names.length === 0 ? rest : { ...rest, toldTo: names }
}

/** A cause that comes back within a silence of its last incident is silenced, too. */
export function silencedAsBefore(incident: Incident, before: Incident | undefined): Incident {
  return before && isSilenced(before, incident.updatedAt) ? { ...incident, silenced: before.silenced! } : incident
}

export function isSilenced({ silenced }: Incident, at: string): boolean {
  return silenced != null && parseInstant(at) < parseInstant(silenced.until)
}

/**
 * A silence keeps all back but that it is one, and that it is over. The end of an incident is told to whoever heard of it: a page that was
 * opened has to be closed.
 */
export async function isQuiet(
  trx: OpenTransaction,
  incidentId: bigint,
  { event, incident }: IncidentChange,
): Promise<boolean> {
  if (event === 'silenced' || event === 'silence_ended') return false
  if (!isSilenced(incident, incident.updatedAt)) return false
  if (event !== 'resolved') return true
  const { events, heard } = await trx
    .selectFrom('incident_events')
    .select(({ fn }) => [
      fn.countAll<bigint>().as('events'),
      fn.count<bigint>('event_id').filterWhere('is_quiet', '=', false).as('heard'),
    ])
    .where('incident_id', '=', incidentId)
    .executeTakeFirstOrThrow()
  // A watcher of the release before told all and kept no events.
  return events > 0n && heard === 0n
}
