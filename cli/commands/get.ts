import type { ColumnType, ViewBundle } from '../../core/define/definitions.js'
import { outputName } from '../../core/define/index.js'
import { isMillcourseError, MillcourseError } from '../../core/errors.js'
import type { OnlineStore } from '../../core/ports/online-store.js'
import type { RegistryReader } from '../../core/ports/registry.js'
import { onlineTableName, type PackedValue } from '../../core/publish/index.js'
import { assembleVector, parseKey, type ViewRead } from '../../core/serve/index.js'
import { formatInstant, type Instant } from '../../core/time/instant.js'
import type { CliContext, Report } from '../context.js'
import { formatTable } from '../output/table.js'
import { formatMs } from '../output/words.js'

interface Part {
  readonly bundle: ViewBundle
  /** In the order of the vector. */
  readonly features: readonly string[]
}

/** Reads what is online for one entity, with status and age per view (R25). */
export async function get(context: CliContext, name: string, pairs: readonly string[]): Promise<Report> {
  const given = parsePairs(pairs)
  const registry = await context.registry()
  const { parts, kind, project } = await findParts(registry, name)
  refuseUnusedKeys(given, parts)
  const online = await context.online()
  const now = context.clock.now()
  const reads = await Promise.all(parts.map((part) => readPart(online, project, part, given, now)))
  const features = parts.flatMap(({ bundle, features: names }, index) =>
    names.map((feature) => {
      const { values, status } = reads[index]!
      const { view } = bundle
      const type = view.features.find((one) => one.name === feature)?.type
      const value = plainValue(values[feature] ?? null, type?.kind)
      return { name: outputName(view.name, feature), view: view.name, feature, value, status }
    }),
  )
  return {
    outcome: 'done',
    data: {
      [kind]: name,
      key: given,
      now: formatInstant(now),
      features,
      views: parts.map(({ bundle }, index) => {
        const { status, eventAt, ageMs, missingIntervals } = reads[index]!
        return { view: bundle.view.name, version: bundle.view.version, status, eventAt, ageMs, missingIntervals }
      }),
    },
    text: vectorText(features, parts, reads),
  }
}

function parsePairs(pairs: readonly string[]): Record<string, string> {
  const entries = pairs.map((pair): [string, string] => {
    const at = pair.indexOf('=')
    if (at < 1) throw new MillcourseError('USAGE', `"${pair}" is not key=value`, { hint: 'such as origin=ATL' })
    return [pair.slice(0, at), pair.slice(at + 1)]
  })
  const twice = entries.find(([name], index) => entries.findIndex(([first]) => first === name) !== index)
  if (twice)
    throw new MillcourseError('USAGE', `key "${twice[0]}" is given twice`, {
      hint: 'one value each; ask once per entity',
    })
  return Object.fromEntries(entries)
}

async function findParts(registry: RegistryReader, name: string) {
  const applied = await registry.current()
  const project = applied?.repo.project ?? ''
  const service = await registry.service(name)
  if (!service) {
    const bundle = await viewOrService(registry, name, applied?.repo.services.map((one) => one.name) ?? [])
    const features = bundle.view.features.map((feature) => feature.name)
    return { kind: 'view' as const, project, parts: [{ bundle, features }] }
  }
  const views = new Map(service.features.map(({ view, viewVersion }) => [view, viewVersion]))
  const parts = await Promise.all(
    [...views].map(async ([view, version]): Promise<Part> => {
      const features = service.features.filter((one) => one.view === view).map(({ feature }) => feature)
      return { bundle: await registry.view(view, version), features }
    }),
  )
  return { kind: 'service' as const, project, parts }
}

async function viewOrService(registry: RegistryReader, name: string, services: readonly string[]): Promise<ViewBundle> {
  try {
    return await registry.view(name)
  } catch (error) {
    if (!isMillcourseError(error) || error.code !== 'REGISTRY_UNKNOWN_VIEW' || services.length === 0) throw error
    const hint = `${error.detail.hint ?? ''}; services are ${services.join(', ')}`
    throw new MillcourseError('REGISTRY_UNKNOWN_VIEW', error.message, { ...error.detail, hint })
  }
}

function refuseUnusedKeys(given: Readonly<Record<string, string>>, parts: readonly Part[]): void {
  const known = new Set(parts.flatMap(({ bundle }) => bundle.entity.keys.map((key) => key.name)))
  const unused = Object.keys(given).find((key) => !known.has(key))
  if (unused !== undefined)
    throw new MillcourseError('SERVE_KEY_INVALID', `"${unused}" is no key of any of its entities`, {
      hint: `give ${[...known].map((key) => `${key}=…`).join(' ')}`,
    })
}

async function readPart(
  online: OnlineStore,
  project: string,
  { bundle }: Part,
  given: Readonly<Record<string, string>>,
  now: Instant,
): Promise<ViewRead> {
  const { view, entity } = bundle
  const own = entity.keys.flatMap(({ name }) => (given[name] === undefined ? [] : [[name, given[name]]]))
  const key = parseKey(entity, Object.fromEntries(own))
  const table = onlineTableName(project, view.name, view.version)
  const isThere = (await online.describeTable(table)) !== null
  if (!isThere) return assembleVector({ bundle, item: null, end: null, now })
  const [items, end] = await Promise.all([key === null ? [] : online.getItems(table, [key]), online.getEnd(table)])
  return assembleVector({ bundle, item: items[0] ?? null, end, now })
}

/** Instants as text, as everywhere outside; the rest as it is. */
function plainValue(value: PackedValue, kind: ColumnType['kind'] | undefined): PackedValue {
  return kind === 'timestamp' && typeof value === 'bigint' ? formatInstant(value) : value
}

interface ShownFeature {
  readonly view: string
  readonly feature: string
  readonly value: unknown
}

function vectorText(features: readonly ShownFeature[], parts: readonly Part[], reads: readonly ViewRead[]): string {
  const values = formatTable<ShownFeature>(
    [
      { title: 'FEATURE', cell: ({ view, feature }) => `${view}:${feature}` },
      { title: 'VALUE', cell: ({ value }) => shown(value) },
    ],
    features,
  )
  const views = parts.map(({ bundle }, index) => {
    const { status, eventAt, ageMs, missingIntervals } = reads[index]!
    const age = eventAt === null ? 'never published' : `as of ${eventAt}, ${formatMs(ageMs ?? 0)} old`
    const gaps = missingIntervals.length > 0 ? `, ${missingIntervals.length} intervals missing` : ''
    return `${bundle.view.name}@v${bundle.view.version}: ${status}, ${age}${gaps}`
  })
  return `${values}\n\n${views.join('\n')}`
}

function shown(value: unknown): string {
  if (value instanceof Uint8Array) return `0x${Buffer.from(value).toString('hex')}`
  return value === null ? 'null' : String(value)
}
