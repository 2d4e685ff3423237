/** The feature repo of a drill: one source of events, a window view and a lookup view over it, and the route of its alerts. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Alarm } from '../alarm.js'
import type { Pace } from './pace.js'
import type { WorldOptions } from './world-options.js'

export const secretVariable = 'DRILL_SECRET'
/** Name of the second channel. */
export const colleague = 'colleague'

export interface RepoPlan {
  readonly dir: string
  readonly project: string
  readonly since: string
  readonly pace: Pace
  readonly options: WorldOptions
  readonly receiverUrl: string
  /** Of a second channel, which is told the same; null: there is none. */
  readonly colleagueUrl: string | null
  /** A canary: incidents of this rule are told to nobody. Null: all are told. */
  readonly cut: Alarm | null
}

export async function writeWorldRepo(plan: RepoPlan): Promise<void> {
  await mkdir(join(plan.dir, 'views'), { recursive: true })
  await writeFile(join(plan.dir, 'millcourse.json'), `${JSON.stringify({ project: plan.project })}\n`)
  await writeFile(join(plan.dir, 'views', 'events.ts'), definitions(plan))
  await writeRoutes(plan)
}

export async function writeRoutes(plan: RepoPlan): Promise<void> {
  await writeFile(join(plan.dir, 'alerts.yaml'), routes(plan))
}

/** Intervals that the windows are long. */
export const countedOver = 2
export const summedOver = 3

function definitions({ since, pace: { everyMs }, options }: RepoPlan): string {
  const seconds = (intervals: number) => `${(intervals * everyMs) / 1_000}s`
  const lookback = `${Math.ceil(Math.max(180_000, 12 * everyMs) / 60_000)}m`
  const more = (given?: object) => (given ? `...${JSON.stringify(given)},` : '')
  return `import { entity, featureView, lookup, parquet, t, window } from 'millcourse'
export const user = entity('user', { keys: { user_id: t.int64() }, owner: 'drill' })
export const events = parquet('events', {
  path: 'events/date={yyyy-MM-dd}/hour={HH}/minute={mm}/*.parquet',
  eventTime: 'ts',
  schema: { ts: t.timestamp(), user_id: t.int64(), amount: t.int64().nullable(), item: t.string(), event_id: t.string() },
  owner: 'drill',
  ${more(options.source)}
})
const shared = { version: 1, entity: user, source: events, since: '${since}', every: '${seconds(1)}', lookback: '${lookback}', owner: 'drill' } as const
export const totals = featureView('totals', {
  ...shared,
  features: { events_counted: window.count({ over: '${seconds(countedOver)}' }), amount_summed: window.sum('amount', { over: '${seconds(summedOver)}' }) },
  ${more(options.totals)}
})
export const latest = featureView('latest', {
  ...shared, features: { item: lookup(), amount: lookup() },
  ${more(options.latest)}
})
`
}

function routes({ receiverUrl, colleagueUrl, cut }: RepoPlan): string {
  const isCut = cut !== null && cut !== 'dead_man_switch'
  const channels = { drill: receiverUrl, ...(colleagueUrl === null ? {} : { [colleague]: colleagueUrl }) }
  return `channels:
${Object.entries(channels).map(channelText).join('')}${isCut ? `routes:\n  - rule: ${cut}\n    to: []\n` : ''}default: [${Object.keys(channels).join(', ')}]
`
}

function channelText([name, url]: readonly [string, string]): string {
  return `  ${name}:
    type: webhook
    url: ${url}
    secret: { env: ${secretVariable} }
`
}
