/** The generated orders of `templates/sample`: the same hour always has the same rows, whenever it is generated. */
import { join } from 'node:path'
import type { QueryEngine } from '../../core/ports/query-engine.js'
import { formatInstant } from '../../core/time/instant.js'
import type { Interval } from '../../core/time/interval.js'
import { layOutHours, text } from './partition-layout.js'

export interface SampleLayout {
  readonly engine: QueryEngine
  /** Holds `orders/date=…/hour=…` afterwards. */
  readonly dataDir: string
  readonly range: Interval
  readonly onHour?: (done: number) => void
}

const ordersPerHour = 150
const users = 200

/** @returns hours laid out */
export async function layOutSample({ engine, dataDir, range, onHour }: SampleLayout): Promise<number> {
  return layOutHours({
    engine,
    prepare: [{ sql: ordersSql(range) }],
    eventTime: 'ts',
    folder: join(dataDir, 'orders'),
    range,
    ...(onHour ? { onHour } : {}),
  })
}

/**
 * Numbers that look drawn but follow from the order's id alone: the id times Knuth's multiplicative constant, modulo 2^32, of which
 * the high digits are taken (the low ones repeat). One order in 25 has no amount, as if it were not yet paid.
 */
function ordersSql(range: Interval): string {
  const [start, end] = [range.start, range.end].map(
    (at) => `TIMESTAMP ${text(formatInstant(at).replace('T', ' ').slice(0, 19))}`,
  )
  return `CREATE TEMP TABLE rows AS
    WITH orders AS (
      SELECT hour, (epoch(hour) / 3600)::BIGINT * 1000 + n AS order_id
      FROM generate_series(${start}, ${end} - INTERVAL 1 hour, INTERVAL 1 hour) AS hours(hour), range(${ordersPerHour}) AS numbers(n)
    ), drawn AS (
      SELECT *, ${['a', 'b', 'c', 'd'].map((name, index) => `${drawn(index)} AS ${name}`).join(', ')} FROM orders
    )
    SELECT hour + to_milliseconds((b % 3600000)::BIGINT) AS ts,
      1 + (a % ${users})::BIGINT AS user_id,
      CASE WHEN d % 25 = 0 THEN NULL ELSE round(5 + (c % 20000) / 100.0, 2)::DOUBLE END AS amount,
      CASE (c + d) % 4 WHEN 0 THEN 'tea' WHEN 1 THEN 'coffee' WHEN 2 THEN 'cake' ELSE 'cup' END AS item
    FROM drawn`
}

/** Without the lowest 8 of 32 bits; another multiplier for each column, so that the columns do not follow each other. */
function drawn(index: number): string {
  const multipliers = [2654435761, 2246822519, 3266489917, 668265263]
  return `((order_id * ${multipliers[index]}) % 4294967296) // 256`
}
