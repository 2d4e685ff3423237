/**
 * The flights as they arrive: laid out once beside the feature repo, then moved in hour by hour as the demo's clock goes on. One
 * hour comes with delays lost on the way, a part of another comes a day late.
 */
import { cp, mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { layOutFlights } from '../cli/init/flights-layout.js'
import { partitionPath, text } from '../cli/init/partition-layout.js'
import type { QueryEngine } from '../core/ports/query-engine.js'
import type { Instant } from '../core/time/instant.js'
import { type Interval, intervalsBetween } from '../core/time/interval.js'

export const hourNs = 3_600_000_000_000n

export interface Arrivals {
  /** Moves in every hour that has ended by `now` and was not there yet. */
  arriveUntil(now: Instant): Promise<void>
  /** The part of the late hour that was missing; returns its path below the repo. */
  lateFileArrives(): Promise<string>
}

export interface ArrivalsOptions {
  readonly engine: QueryEngine
  readonly flightsFile: string
  readonly repoDir: string
  readonly range: Interval
  /** Start of the hour whose delays are mostly null. */
  readonly nullHour: Instant
  /** Start of the hour of which a tenth comes late. */
  readonly lateHour: Instant
}

export async function prepareArrivals(options: ArrivalsOptions): Promise<Arrivals> {
  const { engine, flightsFile, repoDir, range, nullHour, lateHour } = options
  const staging = join(repoDir, 'incoming')
  const lateFile = join(repoDir, 'late-0.parquet')
  await layOutFlights({ engine, flightsFile, dataDir: staging, range })
  const staged = (hour: Instant) => join(staging, 'flights', partitionPath(hour))
  const arrived = (hour: Instant) => join(repoDir, 'data', 'flights', partitionPath(hour))

  await rewrite(
    engine,
    join(staged(nullHour), 'part-0.parquet'),
    'SELECT * REPLACE (CASE WHEN rank % 5 < 2 THEN NULL ELSE delay END AS delay)',
  )
  await rewrite(engine, join(staged(lateHour), 'part-0.parquet'), 'SELECT *', 'rank % 10 = 0', lateFile)
  const waiting = [...intervalsBetween(range.start, range.end, hourNs, 0n)]

  return {
    async arriveUntil(now) {
      while (waiting[0] && waiting[0].end <= now) {
        const hour = waiting.shift()!
        await mkdir(dirname(arrived(hour.start)), { recursive: true })
        await rename(staged(hour.start), arrived(hour.start))
      }
    },
    async lateFileArrives() {
      await rename(lateFile, join(arrived(lateHour), 'late-0.parquet'))
      return join('data', 'flights', partitionPath(lateHour), 'late-0.parquet')
    },
  }
}

/** Rewrites a file; the rows for which `apart` holds go to a file of their own. */
async function rewrite(
  engine: QueryEngine,
  file: string,
  select: string,
  apart = 'false',
  apartFile?: string,
): Promise<void> {
  await engine.withSession(async (session) => {
    await session.execute({
      sql: `CREATE TEMP TABLE ranked AS SELECT *, row_number() OVER (ORDER BY date, origin, destination, delay, distance) AS rank FROM read_parquet(${text(file)}, hive_partitioning = false)`,
    })
    const copy = (condition: string, to: string) =>
      session.execute({
        sql: `COPY (SELECT * EXCLUDE (rank) FROM (${select} FROM ranked WHERE ${condition})) TO ${text(to)} (FORMAT parquet, COMPRESSION zstd)`,
      })
    await copy(`NOT (${apart})`, `${file}.new`)
    if (apartFile) await copy(apart, apartFile)
    await rename(`${file}.new`, file)
  })
}

/** A fresh copy of the example's definitions, without what an earlier demo left. */
export async function freshRepo(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true })
  await cp(from, to, { recursive: true, filter: (path) => !/[/\\](data|\.millcourse|node_modules)$/.test(path) })
}
