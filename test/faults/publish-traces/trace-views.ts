/** The model's small views as real ones, and its rows as files in the lake. */
import type { ActivityDeps } from '../../../activities/activity-deps.js'
import { buildFileTypesQuery, buildIntervalQuery, fileTypesFrom, type LakePart } from '../../../core/compute/index.js'
import type { ViewBundle } from '../../../core/define/definitions.js'
import { bundleFor, entity, featureView, lookup, parquet, t, window } from '../../../core/define/index.js'
import { decodeKey, decodeValues } from '../../../core/publish/index.js'
import type { OnlineItem } from '../../../core/publish/online-item.js'
import { formatInstant, type Instant } from '../../../core/time/instant.js'
import { intervalLength, type Row, type View } from '../../reference/publish-protocol/view.js'
import { hourNs, intervalOf } from './real-protocol.js'

const owner = 'tests'
const thing = entity('thing', { keys: { key: t.string() }, owner, description: 'A thing' })
const events = parquet('events', {
  path: 'events/*.parquet',
  eventTime: 'at',
  schema: { at: t.timestamp(), key: t.string(), value: t.int64() },
  owner,
  description: 'Events',
})
const since = formatInstant(0n)

export function bundleOf(name: string, view: View): ViewBundle {
  const given = { version: 1, entity: thing, source: events, since, every: '1h', owner, description: 'A view' } as const
  const made =
    view.kind === 'lookup'
      ? featureView(name, { ...given, features: { value: lookup() } })
      : featureView(name, {
          ...given,
          tile: '1h',
          onGap: view.onGap,
          features: {
            sum: window.sum('value', { over: `${view.reach}h` as '2h' }),
            rows: window.count({ over: `${view.reach}h` as '2h' }),
          },
        })
  const repo = { project: 'traces', entities: [thing.definition], sources: [events.definition], services: [] }
  return bundleFor({ ...repo, views: [made.definition] }, made.definition)
}

/** One candidate file for each content that traces commit, made by the product's own query; shared by all traces. */
export class TraceFiles {
  readonly #made = new Map<string, Promise<LakePart>>()

  constructor(private readonly deps: Pick<ActivityDeps, 'engine' | 'lake' | 'sources'>) {}

  async fileOf(view: View, interval: number, rows: readonly Row[]): Promise<LakePart | null> {
    if (rows.length === 0) return null
    const content = JSON.stringify([view.kind, interval, rows])
    const made = this.#made.get(content) ?? this.#make(view, interval, rows, `content-${this.#made.size}`)
    this.#made.set(content, made)
    return await made
  }

  async #make(view: View, interval: number, rows: readonly Row[], name: string): Promise<LakePart> {
    const { engine, lake, sources } = this.deps
    const path = `rows/${name}.parquet`
    await Promise.all([lake.prepareWrite(path), sources.prepareWrite(`${name}.parquet`)])
    await engine.withSession(async (session) => {
      const file = sources.uri(`${name}.parquet`)
      const values = rows.map((row) => `('${isoOf(row.at)}'::TIMESTAMP, '${row.key}', ${row.value}::BIGINT)`)
      await session.execute({
        sql: `COPY (SELECT * FROM (VALUES ${values.join(', ')}) v("at", "key", "value")) TO '${file}' (FORMAT parquet)`,
      })
      const fileTypes = fileTypesFrom(await session.all(buildFileTypesQuery([file])))
      const bundle = bundleOf('content', view)
      const files = { own: [file], within: [] }
      const query = buildIntervalQuery({ bundle, interval: intervalOf(interval), files, fileTypes })
      for (const statement of query.statements) await session.execute(statement)
      await session.execute({ sql: `COPY (${query.output}) TO '${lake.uri(path)}' (FORMAT parquet)` })
    })
    return { path, rows: rows.length, sizeBytes: (await lake.head(path))!.sizeBytes }
  }
}

/** Key and values as the model writes them; null: an empty item. */
export function textOf(bundle: ViewBundle, item: OnlineItem): [key: string, values: string | null] {
  const key = String(decodeKey(bundle.entity.keys, item.key)[0])
  if (item.values === null) return [key, null]
  const values = decodeValues(bundle.view.features, item.values, item.schemaHash)
  if (bundle.view.viewKind === 'lookup') return [key, `${values[0]}@${modelTime(item.eventAt!)}`]
  return [key, `sum ${values[0]} of ${values[1]}`]
}

/** Interval by the hour, the rest by the minute. */
function isoOf(at: number): string {
  const interval = Math.floor(at / intervalLength)
  return formatInstant(BigInt(interval) * hourNs + BigInt(at % intervalLength) * (hourNs / 60n)).replace('Z', '')
}

function modelTime(at: Instant): number {
  return Number(at / hourNs) * intervalLength + Number((at % hourNs) / (hourNs / 60n))
}
