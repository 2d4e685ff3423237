/** What `pit` and `pit-scale` join: views of ten float features with created times, a day an interval, and a spine. */
import { join } from 'node:path'
import {
  bundleFor,
  entity,
  type FeatureRepo,
  featureView,
  lookup,
  parquet,
  t,
  type ViewBundle,
  window,
} from '../core/define/index.js'

export const featureCount = 10
export const firstDay = Date.UTC(2024, 0, 1)
const dayMs = 86_400_000

export interface PitWorld {
  readonly dir: string
  readonly views: number
  readonly keys: number
  readonly days: number
  readonly spineRows: number
  /** Left out: lookups of `event` visibility. */
  readonly kind?: ViewKind
}

export type ViewKind = 'event' | 'created' | 'window'

/** The source's files, which are committed first; the files as runs committed them; few, after compaction; all rows in one. */
export type Layout = 'raw' | 'committed' | 'compacted' | 'one'

export const sourceFile = (world: PitWorld, view: number, day: number): string =>
  join(world.dir, `source${view}`, `day=${dayName(day)}`, 'part-0.parquet')
export const committedFile = (world: PitWorld, view: number, day: number): string =>
  join(world.dir, `committed${view}`, `${dayName(day)}.parquet`)
export const spineFile = (world: PitWorld): string => join(world.dir, 'spine.parquet')
/** `CommittedFile[][]`, of each view, as readers are told of them. */
export const layoutFile = (dir: string, layout: Layout): string => join(dir, `files-${layout}.json`)
export const dayName = (day: number): string => new Date(firstDay + day * dayMs).toISOString().slice(0, 10)
export const days = (world: PitWorld): number[] => Array.from({ length: world.days }, (_, day) => day)
export const featureNames = Array.from({ length: featureCount }, (_, index) => `f${index}`)
export const ttlDays = 30

/** Of each column over thirty days, of several operations in turn. */
const windowOf = (name: string, index: number) =>
  ([window.sum, window.avg, window.min, window.max, window.last] as const)[index % 5]!(name, { over: '30d' })

export function viewBundles({ kind = 'event', ...world }: Pick<PitWorld, 'views' | 'kind'>): ViewBundle[] {
  const owner = 'bench'
  const user = entity('user', { keys: { user_id: t.int64() }, owner, description: 'A user' })
  const made = Array.from({ length: world.views }, (_, index) => {
    const source = parquet(`events${index}`, {
      path: `source${index}/day={yyyy-MM-dd}/*.parquet`,
      eventTime: 'event_time',
      createdTime: 'created',
      visibility: kind === 'created' ? 'created' : 'event',
      schema: {
        user_id: t.int64(),
        event_time: t.timestamp(),
        created: t.timestamp(),
        ...Object.fromEntries(featureNames.map((name) => [name, t.float64()])),
      },
      ...{ owner, description: 'Events' },
    })
    const view = featureView(`users${index}`, {
      ...{ version: 1, entity: user, source, since: '2024-01-01T00:00:00Z', every: '1d', owner },
      ...(kind === 'window' ? { tile: '1h' as const } : { ttl: `${ttlDays}d` as const }),
      description: 'Newest event, or what events of a month come to',
      features: Object.fromEntries(
        featureNames.map((name, at) => [name, kind === 'window' ? windowOf(name, at) : lookup()]),
      ) as never,
    })
    return { source, view }
  })
  const repo: FeatureRepo = {
    ...{ project: 'bench', entities: [user.definition], services: [] },
    sources: made.map(({ source }) => source.definition),
    views: made.map(({ view }) => view.definition),
  }
  return repo.views.map((view) => bundleFor(repo, view))
}
