/** What `windows` asks: twelve windows of an hour to thirty days over a user's events, and a spine. */
import { join } from 'node:path'
import {
  bundleFor,
  entity,
  type FeatureRepo,
  featureView,
  parquet,
  t,
  type ViewBundle,
  window,
} from '../core/define/index.js'

export interface WindowsWorld {
  readonly dir: string
  readonly keys: number
  readonly days: number
  /** Of each key and day. */
  readonly eventsPerDay: number
  readonly spineRows: number
}

const firstDay = Date.UTC(2024, 0, 1)
export const dayName = (day: number): string => new Date(firstDay + day * 86_400_000).toISOString().slice(0, 10)
export const days = (world: WindowsWorld): number[] => Array.from({ length: world.days }, (_, day) => day)
export const sourceFile = (world: WindowsWorld, day: number): string =>
  join(world.dir, 'source', `day=${dayName(day)}`, 'part-0.parquet')
export const tileFile = (world: WindowsWorld, day: number): string =>
  join(world.dir, 'tiles', `${dayName(day)}.parquet`)
export const spineFile = (world: WindowsWorld): string => join(world.dir, 'spine.parquet')

/** Name, operation, column and hours: what every program answers, at the last full hour before each time of the spine (R9). */
export const asked = [
  ['count_1h', 'count', 'quantity', 1],
  ['sum_1h', 'sum', 'quantity', 1],
  ['last_1h', 'last', 'amount', 1],
  ['count_24h', 'count', 'quantity', 24],
  ['sum_24h', 'sum', 'amount', 24],
  ['min_24h', 'min', 'amount', 24],
  ['avg_7d', 'avg', 'quantity', 168],
  ['first_7d', 'first', 'amount', 168],
  ['stddev_7d', 'stddev', 'quantity', 168],
  ['max_30d', 'max', 'amount', 720],
  ['avg_30d', 'avg', 'amount', 720],
  ['var_30d', 'var', 'amount', 720],
] as const

export function windowBundle(): ViewBundle {
  const owner = 'bench'
  const user = entity('user', { keys: { user_id: t.int64() }, owner, description: 'A user' })
  const source = parquet('events', {
    path: 'source/day={yyyy-MM-dd}/*.parquet',
    eventTime: 'event_time',
    schema: { user_id: t.int64(), event_time: t.timestamp(), quantity: t.int64(), amount: t.float64() },
    ...{ owner, description: 'Events' },
  })
  const view = featureView('activity', {
    ...{ version: 1, entity: user, source, since: '2024-01-01T00:00:00Z', every: '1d', tile: '1h', owner },
    description: 'Activity of a user',
    features: Object.fromEntries(
      asked.map(([name, kind, of, hours]) => [
        name,
        (window[kind] as (column: string, options: { over: string }) => unknown)(of, {
          over: hours % 24 === 0 ? `${hours / 24}d` : `${hours}h`,
        }),
      ]),
    ) as never,
  })
  const repo: FeatureRepo = {
    ...{ project: 'bench', entities: [user.definition], services: [] },
    ...{ sources: [source.definition], views: [view.definition] },
  }
  return bundleFor(repo, view.definition)
}
