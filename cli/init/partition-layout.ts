/** Lays rows out as a producer would deliver them: one folder an hour, the file first, then the marker that says it is complete. */
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Query, QueryEngine } from '../../core/ports/query-engine.js'
import { formatInstant, type Instant } from '../../core/time/instant.js'
import { type Interval, intervalsBetween } from '../../core/time/interval.js'

export interface LayoutRequest {
  readonly engine: QueryEngine
  /** Statements that make the table `rows`, with its event time, a TIMESTAMP in UTC, in `eventTime`. */
  readonly prepare: readonly Query[]
  readonly eventTime: string
  /** `<folder>/date=2001-01-01/hour=05/part-0.parquet` and `_SUCCESS`. */
  readonly folder: string
  readonly range: Interval
  /** Called with the number of hours laid out so far. */
  readonly onHour?: (done: number) => void
}

const hourNs = 3_600_000_000_000n

/** Rows within an hour are in the order of all their columns, so that the same input makes the same files. @returns hours laid out */
export async function layOutHours(request: LayoutRequest): Promise<number> {
  return request.engine.withSession(async (session) => {
    for (const query of request.prepare) await session.execute(query)
    let hours = 0
    for (const hour of intervalsBetween(request.range.start, request.range.end, hourNs, 0n)) {
      const folder = join(request.folder, partitionPath(hour.start))
      await mkdir(folder, { recursive: true })
      const draft = join(folder, '.part-0.parquet.draft')
      await session.execute({
        sql: `COPY (SELECT * FROM rows WHERE ${quoted(request.eventTime)} >= ${timestamp(hour.start)}
          AND ${quoted(request.eventTime)} < ${timestamp(hour.end)} ORDER BY ALL) TO ${text(draft)} (FORMAT parquet, COMPRESSION zstd)`,
      })
      await rename(draft, join(folder, 'part-0.parquet'))
      await writeFile(join(folder, '_SUCCESS'), '')
      hours += 1
      request.onHour?.(hours)
    }
    return hours
  })
}

/** `date=2001-01-01/hour=05`, in UTC. */
export function partitionPath(hourStart: Instant): string {
  const iso = formatInstant(hourStart)
  return `date=${iso.slice(0, 10)}/hour=${iso.slice(11, 13)}`
}

function timestamp(instant: Instant): string {
  return `TIMESTAMP '${formatInstant(instant).replace('T', ' ').replace('Z', '')}'`
}

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function text(value: string): string {
  return `'${value.replaceAll("'", "''")}'`
}
