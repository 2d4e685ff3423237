/** The events of a drill's world, known row by row: what is delivered, and what must become of it. */
export interface EventRow {
  readonly atMs: number
  readonly userId: number
  readonly amount: number | null
  readonly item: string
  readonly eventId: string
}

export const users = 6

/** Of the interval that starts there; one user in five is away. */
export function eventsOf(startMs: number, everyMs: number): EventRow[] {
  const hour = Math.floor(startMs / everyMs)
  return Array.from({ length: users }, (_, index) => index + 1)
    .filter((userId) => (userId + hour) % 5 !== 0)
    .map((userId) => ({
      atMs: startMs + Math.floor((userId * everyMs) / (users + 1)),
      userId,
      amount: (userId * 37 + hour * 11) % 1_000,
      item: `item ${(userId + hour) % 9}`,
      eventId: `${hour}-${userId}`,
    }))
}

/** As rows of SQL; an empty file has the columns, too. */
export function eventsSql(rows: readonly EventRow[]): string {
  const columns = 'at_ms, user_id, amount, item, event_id'
  const values = rows.map(
    ({ atMs, userId, amount, item, eventId }) => `(${atMs}, ${userId}, ${amount ?? 'NULL'}, '${item}', '${eventId}')`,
  )
  const typed = `SELECT epoch_ms(at_ms::BIGINT)::TIMESTAMP AS ts, user_id::BIGINT AS user_id, amount::BIGINT AS amount, item::VARCHAR AS item, event_id::VARCHAR AS event_id`
  return rows.length === 0
    ? `${typed} FROM (SELECT NULL AS at_ms, NULL AS user_id, NULL AS amount, NULL AS item, NULL AS event_id) WHERE false`
    : `${typed} FROM (VALUES ${values.join(', ')}) AS events(${columns})`
}

/** Below the sources' root, in the partition of its minute. */
export function eventFile(startMs: number, name = `${startMs}.parquet`): string {
  const at = new Date(startMs).toISOString()
  return `events/date=${at.slice(0, 10)}/hour=${at.slice(11, 13)}/minute=${at.slice(14, 16)}/${name}`
}
