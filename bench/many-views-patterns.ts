/** Runs on the real road, and an incident that a watcher would record: what a year of them is copied from. */
import { mkdir } from 'node:fs/promises'
import { formatInstant, parseInstant } from '../core/time/instant.js'
import type { IncidentChange } from '../core/watch/index.js'
import type { BenchProject } from './bench-stack.js'
import { featuresPerView } from './many-views-repo.js'
import { stepCaller } from './step-calls.js'

const keys = 200
const rows = 2_000
const hourNs = 3_600_000_000_000n

/** The first hour of views over the first source, run from plan to record. */
export async function writePatterns(
  project: Pick<BenchProject, 'config' | 'ports'>,
  views: readonly string[],
  since: string,
): Promise<void> {
  const { deps, run } = await stepCaller(project)
  const start = parseInstant(since)
  const hour = `${project.config.sources}/events_000/date=${since.slice(0, 10)}/hour=00`
  await mkdir(hour, { recursive: true })
  const features = Array.from(
    { length: featuresPerView },
    (_, at) => `CASE WHEN hash(i * ${at + 3}) % 50 > 0 THEN (hash(i + ${at}) % 1000003)::DOUBLE / 100 END AS f${at}`,
  )
  await deps.engine.withSession((session) =>
    session.execute({
      sql: `COPY (SELECT make_timestamp(${start / 1_000n} + (hash(i) % 3600000000)::BIGINT) AS "at", 'key-' || (i % ${keys}) AS key_000,
        ${features.join(', ')} FROM range(${rows}) t(i)) TO '${hour}/part.parquet' (FORMAT parquet)`,
    }),
  )
  const interval = { start: formatInstant(start), end: formatInstant(start + hourNs) }
  for (const view of views) await run({ view, version: 1, interval, kind: 'scheduled', now: interval.end })
  const [view] = views as [string]
  const key = `failed/${view}@v1/SOURCE_FILE_CORRUPT`
  const change: IncidentChange = {
    event: 'opened',
    incident: {
      ...{ key, rule: 'failed', severity: 'warning', view, version: 1, owner: 'team-0' },
      ...{ openedAt: interval.end, updatedAt: interval.end, resolvedAt: null },
      summary: `${view}@v1 failed with SOURCE_FILE_CORRUPT for ${interval.start}`,
      nextStep: 'millcourse runs show 123456789abc',
      facts: {
        ...{ services: '', intervals: 1, firstInterval: interval.start, code: 'SOURCE_FILE_CORRUPT', run: 'run-1' },
        firstCause: 'SOURCE_FILE_CORRUPT in read: a file of source events_000 cannot be read',
      },
    },
  }
  await deps.ledger.takeWatch('bench', 60_000)
  await deps.ledger.recordChanges('bench', [change], new Map([[key, interval.start]]))
}
