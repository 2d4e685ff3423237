/** A feature repo as a large team has it: hundreds of views, a file each, over shared sources and entities. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export const viewCount = Number(process.env.MILLCOURSE_BENCH_VIEWS ?? 500)
export const featuresPerView = 10
const viewsPerSource = 10
const viewsPerEntity = 20
const owners = 20
export const since = '2025-01-01T00:00:00Z'

/** Every other one is a window view. */
export function viewName(index: number): string {
  return `${index % 2 === 0 ? 'latest' : 'windowed'}_${number(index)}`
}

export async function writeManyViews(dir: string, project: string, views = viewCount): Promise<void> {
  for (const folder of ['entities', 'sources', 'views']) await mkdir(join(dir, folder), { recursive: true })
  await writeFile(join(dir, 'millcourse.json'), `${JSON.stringify({ project })}\n`)
  for (let index = 0; index * viewsPerEntity < views; index++)
    await writeFile(join(dir, 'entities', `entity_${number(index)}.ts`), entityFile(index))
  for (let index = 0; index * viewsPerSource < views; index++)
    await writeFile(join(dir, 'sources', `events_${number(index)}.ts`), sourceFile(index))
  for (let index = 0; index < views; index++)
    await writeFile(join(dir, 'views', `${viewName(index)}.ts`), viewFile(index))
}

function number(index: number): string {
  return String(index).padStart(3, '0')
}

function entityFile(index: number): string {
  return `import { entity, t } from 'millcourse'

export const entity${number(index)} = entity('entity_${number(index)}', {
  keys: { key_${number(index)}: t.string() },
  owner: 'team-${index % owners}',
  description: 'Entity ${index}',
})
`
}

function sourceFile(index: number): string {
  const columns = Array.from({ length: featuresPerView }, (_, column) => `    f${column}: t.float64().nullable(),`)
  const entity = Math.floor((index * viewsPerSource) / viewsPerEntity)
  return `import { parquet, t } from 'millcourse'

export const events${number(index)} = parquet('events_${number(index)}', {
  path: 'events_${number(index)}/date={yyyy-MM-dd}/hour={HH}/*.parquet',
  eventTime: 'at',
  schema: {
    at: t.timestamp(),
    key_${number(entity)}: t.string(),
${columns.join('\n')}
  },
  owner: 'data-${index % owners}',
  description: 'Events ${index}',
})
`
}

function viewFile(index: number): string {
  const [entity, source] = [Math.floor(index / viewsPerEntity), Math.floor(index / viewsPerSource)]
  const isWindowed = index % 2 === 1
  const features = Array.from({ length: featuresPerView }, (_, column) =>
    isWindowed
      ? `    f${column}_avg: window.avg('f${column}', { over: '${column % 2 === 0 ? '24h' : '7d'}' }),`
      : `    f${column}: lookup(),`,
  )
  return `import { featureView, ${isWindowed ? 'window' : 'lookup'} } from 'millcourse'
import { entity${number(entity)} } from '../entities/entity_${number(entity)}.js'
import { events${number(source)} } from '../sources/events_${number(source)}.js'

export const view${number(index)} = featureView('${viewName(index)}', {
  version: 1,
  entity: entity${number(entity)},
  source: events${number(source)},
  since: '${since}',
  every: '1h',${isWindowed ? "\n  tile: '1h'," : ''}
  lookback: '24h',
  ttl: '48h',
  features: {
${features.join('\n')}
  },
  checks: { rows: { min: 1 }, features: { ${isWindowed ? 'f0_avg' : 'f0'}: { nullRateMax: 0.5 } } },
  sla: { freshness: '3h' },
  owner: 'team-${index % owners}',
  description: 'View ${index}',
})
`
}
