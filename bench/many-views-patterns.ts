/** Runs on the real road, and an incident that a watcher would record: what a year of them is copied from. */
import { randomUUID } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { addSpend, nothingSpent } from '../core/measure/index.js'
import { formatInstant, parseInstant } from '../core/time/instant.js'
import type { IncidentChange } from '../core/watch/index.js'
import type { BenchProject } from './bench-stack.js'
import { featuresPerView } from './many-views-repo.js'
import { type StepCaller, stepCaller } from './step-calls.js'

const keys = 200
const rows = 2_000
const hourNs = 3_600_000_000_000n

/** The first two hours of views over the first source, run from plan to record, with what they cost; what they left in the lake is gone. */
export async function writePatterns(
  project: Pick<BenchProject, 'config' | 'ports'>,
  views: readonly string[],
  since: string,
): Promise<void> {
  const { deps, run } = await stepCaller(project)
  const intervals = [0n, 1n].map((hour) => {
    const start = parseInstant(since) + hour * hourNs
    return { start: formatInstant(start), end: formatInstant(start + hourNs) }
  })
  for (const { start } of intervals) await writeHour(project, deps, start)
  for (const interval of intervals)
    for (const view of views) await run({ view, version: 1, interval, kind: 'scheduled', now: interval.end })
  const [first, last] = intervals as [{ start: string; end: string }, { start: string; end: string }]
  const done = await deps.ledger.runs({ limit: views.length * intervals.length })
  const spends = done.map(({ runId, view }) => ({
    ...{ spendId: `${randomUUID()}/1`, day: last.end.slice(0, 10), view, version: 1, work: 'run' as const },
    ...{ subject: runId, backfillId: null },
    spend: addSpend(nothingSpent, { writeUnits: keys, engineSeconds: 0.4321, itemsWritten: keys, keysUnchanged: 7 }),
  }))
  await deps.ledger.recordSpend(spends)
  for (const view of views) {
    const key = { view, version: 1 }
    await deps.ledger.markRunFiles(key, { candidatesKeptMs: 0, quarantineKeptMs: 0 })
    await deps.ledger.forgetRunFiles(key, await deps.ledger.markedRunFiles(key, 0))
  }
  const [view] = views as [string]
  const key = `failed/${view}@v1/SOURCE_FILE_CORRUPT`
  const change: IncidentChange = {
    event: 'opened',
    incident: {
      ...{ key, rule: 'failed', severity: 'warning', view, version: 1, owner: 'team-0' },
      ...{ openedAt: first.end, updatedAt: first.end, resolvedAt: null },
      summary: `${view}@v1 failed with SOURCE_FILE_CORRUPT for ${first.start}`,
      nextStep: 'millcourse runs show 123456789abc',
      facts: {
        ...{ services: '', intervals: 1, firstInterval: first.start, code: 'SOURCE_FILE_CORRUPT', run: 'run-1' },
        firstCause: 'SOURCE_FILE_CORRUPT in read: a file of source events_000 cannot be read',
      },
    },
  }
  await deps.ledger.takeWatch('bench', 60_000)
  await deps.ledger.recordChanges('bench', [change], new Map([[key, first.start]]))
}

async function writeHour(
  { config }: Pick<BenchProject, 'config'>,
  deps: Pick<StepCaller['deps'], 'engine'>,
  since: string,
): Promise<void> {
  const start = parseInstant(since)
  const hour = `${config.sources}/events_000/date=${since.slice(0, 10)}/hour=${since.slice(11, 13)}`
  await mkdir(hour, { recursive: true })
  const features = Array.from(
    { length: featuresPerView },
    (_, at) =>
      `CASE WHEN hash(i * ${at + 3}) % 50 > 0 THEN (hash(i + ${at}, ${start}) % 1000003)::DOUBLE / 100 END AS f${at}`,
  )
  await deps.engine.withSession((session) =>
    session.execute({
      sql: `COPY (SELECT make_timestamp(${start / 1_000n} + (hash(i) % 3600000000)::BIGINT) AS "at", 'key-' || (i % ${keys}) AS key_000,
        ${features.join(', ')} FROM range(${rows}) t(i)) TO '${hour}/part.parquet' (FORMAT parquet)`,
    }),
  )
}
