/** What watchers write: which of them is on duty, what it found, and what was told of it. */
import { sql } from 'kysely'
import type { IncidentWriter } from '../../core/ports/incident-ledger.js'
import { wordsOf } from '../../core/watch/advance-incident.js'
import type { Incident, IncidentChange } from '../../core/watch/incident.js'
import { type OpenTransaction, type PostgresClient, toJson } from './client.js'
import {
  heardBy,
  insertEvent,
  insertOpen,
  isQuiet,
  isSilenced,
  keepWords,
  lockOpen,
  newestOf,
  silencedAsBefore,
} from './incident-rows.js'

export type IncidentWatch = Pick<
  IncidentWriter,
  'takeWatch' | 'leaveWatch' | 'recordChanges' | 'rewordIncidents' | 'untoldChanges' | 'changesTold'
>

/** Told at most so many at a look; the rest at the next. */
const untoldMax = 500

export function createIncidentWatch(client: PostgresClient): IncidentWatch {
  return {
    takeWatch: (owner, leaseMs) =>
      client.query(async (db) => {
        const mine = { owner, lease_ms: leaseMs, renewed_at: sql<bigint>`clock_timestamp()` }
        const taken = await db
          .insertInto('watch_duty')
          .values({ duty: 1, ...mine })
          .onConflict((conflict) =>
            conflict
              .column('duty')
              .doUpdateSet(mine)
              .where(
                sql<boolean>`watch_duty.owner = ${owner}
                  or watch_duty.renewed_at + watch_duty.lease_ms * interval '1 millisecond' < clock_timestamp()`,
              ),
          )
          .returning('duty')
          .executeTakeFirst()
        return taken !== undefined
      }),

    leaveWatch: (owner) =>
      client.query(async (db) => {
        await db.deleteFrom('watch_duty').where('owner', '=', owner).execute()
      }),

    recordChanges: (owner, changes, news) =>
      client.transact(async (trx) => {
        if (!(await isOnDuty(trx, owner))) return false
        for (const change of changes) await recordChange(trx, change, news.get(change.incident.key) ?? null)
        return true
      }),

    rewordIncidents: (owner, incidents) =>
      client.transact(async (trx) => {
        if (incidents.length === 0 || !(await isOnDuty(trx, owner))) return
        const byKey = new Map(incidents.map((incident) => [incident.key, incident]))
        const rows = await trx
          .selectFrom('incidents')
          .select(['incident_id', 'key', 'body'])
          .where('key', '=', sql<string>`any(${[...byKey.keys()]}::text[])`)
          .where('is_open', '=', true)
          .orderBy('incident_id')
          .forUpdate()
          .execute()
        const bodies = rows.map(({ key, body }) => toJson({ ...body, ...wordsOf(byKey.get(key)!) }))
        const given = sql<{ incident_id: bigint; body: string }>`unnest(
          ${rows.map(({ incident_id }) => incident_id)}::bigint[], ${bodies}::text[])`
        await trx
          .updateTable('incidents')
          .from(given.as<'given'>(sql`given(incident_id, body)`))
          .set({ body: sql<string>`given.body::json` })
          .whereRef('incidents.incident_id', '=', 'given.incident_id')
          .execute()
      }),

    untoldChanges: (handed = []) =>
      client.query(async (db) => {
        const rows = await db
          .selectFrom('incident_events')
          .select(['event_id', 'at', 'event', 'body'])
          .where('told_at', 'is', null)
          .where('is_quiet', '=', false)
          .where((row) => row.not(isNamed(handed)))
          .orderBy('event_id')
          .limit(untoldMax)
          .execute()
        return rows.map(({ event_id, at, event, body }) => ({
          changeId: `${event_id}@${at}`,
          change: { event, incident: body },
        }))
      }),

    changesTold: (changeIds) =>
      client.query(async (db) => {
        if (changeIds.length === 0) return
        await db
          .updateTable('incident_events')
          .set({ told_at: sql`clock_timestamp()` })
          .where('event_id', 'in', changeIds.map(idOf))
          .where(isNamed(changeIds))
          .where('told_at', 'is', null)
          .execute()
      }),
  }
}

/**
 * In a ledger that was restored ids begin again where its copy ended: what a watcher names that saw the lost ones is by its time, too. A former
 * release named them by the id alone.
 */
function isNamed(changeIds: readonly string[]) {
  const times = changeIds.map((changeId) => changeId.split('@')[1] ?? null)
  return sql<boolean>`exists (select from unnest(${changeIds.map(idOf)}::bigint[], ${times}::text[]) as named(id, at)
    where named.id = incident_events.event_id and (named.at is null or named.at = incident_events.at))`
}

function idOf(changeId: string): bigint {
  return BigInt(changeId.split('@')[0]!)
}

/** Holds the duty until the transaction is over. */
async function isOnDuty(trx: OpenTransaction, owner: string): Promise<boolean> {
  const duty = await trx
    .selectFrom('watch_duty')
    .select('duty')
    .where('owner', '=', owner)
    .forUpdate()
    .executeTakeFirst()
  return duty !== undefined
}

async function recordChange(trx: OpenTransaction, change: IncidentChange, news: string | null): Promise<void> {
  const { key } = change.incident
  const known = await lockOpen(trx, key)
  if (change.event === 'opened') {
    const opened = silencedAsBefore(change.incident, (await newestOf(trx, key))?.body)
    const incident = heardBy(opened, null, isSilenced(opened, opened.updatedAt))
    const incidentId = known ? null : await insertOpen(trx, incident, news)
    if (incidentId !== null) await insertEvent(trx, incidentId, { event: 'opened', incident }, {})
    return
  }
  if (known === undefined || isOvertaken(change, known.body)) return
  const kept = keepWords(change.incident, known.body)
  const said = change.event === 'silence_ended' ? { ...kept, silenced: null } : kept
  const quiet = await isQuiet(trx, known.incident_id, { event: change.event, incident: said })
  const incident = heardBy(said, known.body, quiet)
  await trx
    .updateTable('incidents')
    .set({ is_open: change.event !== 'resolved', body: toJson(incident), news: news ?? known.news })
    .where('incident_id', '=', known.incident_id)
    .execute()
  await insertEvent(trx, known.incident_id, { event: change.event, incident }, {})
}

/** A person spoke between the watcher's look and now: a silence was made longer, or somebody has it in hand. */
function isOvertaken({ event, incident }: IncidentChange, known: Incident): boolean {
  if (event === 'silence_ended') return isSilenced(known, incident.updatedAt)
  return event === 'escalated' && known.acknowledged != null
}
