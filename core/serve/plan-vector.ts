/** Which tables and features an asked name means: a view or a service, at the applied version or at the one asked for (`name@v1`). */
import type { Column, ValueType, ViewBundle } from '../define/definitions.js'
import { outputName } from '../define/index.js'
import { MillcourseError } from '../errors.js'
import { versionTableName } from '../publish/index.js'
import type { Served, ServingDefinitions } from './serving-definitions.js'

export interface VectorPlan {
  readonly kind: 'view' | 'service'
  readonly name: string
  readonly version: number
  /** In the order of the vector. */
  readonly features: readonly VectorFeature[]
  /** One per view, read in parallel. */
  readonly parts: readonly VectorPart[]
  /** All that a request may give, each once, in the order of the parts. */
  readonly keys: readonly Column[]
}

export interface VectorPart {
  readonly bundle: ViewBundle
  readonly table: string
}

export interface VectorFeature {
  /** `view__feature`, as in training sets (R14). */
  readonly name: string
  readonly view: string
  readonly feature: string
  readonly type: ValueType
  /** Index of its view in `parts`. */
  readonly part: number
}

/**
 * @param wanted a part of the features, as `feature` or `view__feature`, in this order; absent: all
 * @throws MillcourseError REGISTRY_UNKNOWN_VIEW, REGISTRY_UNKNOWN_FEATURE, each with what there is; SERVE_REQUEST_INVALID: a feature is asked for twice
 */
export function planVector(definitions: ServingDefinitions, asked: string, wanted?: readonly string[]): VectorPlan {
  const named = findNamed(definitions, asked)
  const parts = named.views.map((bundle): VectorPart => ({ bundle, table: servedTable(definitions, bundle.view) }))
  const all = named.features.map(({ view, feature }): VectorFeature => {
    const part = named.views.findIndex((one) => one.view.name === view)
    const type = named.views[part]?.view.features.find((one) => one.name === feature)?.type
    if (type === undefined) throw unknownFeature(asked, `${view}.${feature}`, [])
    return { name: outputName(view, feature), view, feature, type, part }
  })
  return withFeatures({ ...named, parts, features: all, keys: keysOf(parts) }, asked, wanted)
}

/** Where the values of a view version lie, as far as these definitions know. */
export function servedTable(
  { project, views }: ServingDefinitions,
  view: { readonly name: string; readonly version: number },
): string {
  const served = views.find(
    ({ definition }) => definition.view.name === view.name && definition.view.version === view.version,
  )
  return versionTableName(project, view, served?.table ?? null)
}

function withFeatures(plan: VectorPlan, asked: string, wanted: readonly string[] | undefined): VectorPlan {
  if (wanted === undefined) return plan
  const chosen = wanted.map((name) => {
    const found = plan.features.filter((one) => one.name === name || one.feature === name)
    if (found.length === 1) return found[0]!
    throw unknownFeature(
      asked,
      name,
      plan.features.map((one) => one.name),
    )
  })
  const twice = chosen.find((one, index) => chosen.indexOf(one) !== index)
  if (twice)
    throw new MillcourseError('SERVE_REQUEST_INVALID', `feature "${twice.name}" is asked for twice`, {
      hint: 'name each feature once, as feature or as view__feature',
      facts: { asked, feature: twice.name },
    })
  const needed = plan.parts.filter((_, index) => chosen.some(({ part }) => part === index))
  const features = chosen.map((one) => ({ ...one, part: needed.indexOf(plan.parts[one.part]!) }))
  return { ...plan, features, parts: needed, keys: keysOf(needed) }
}

function keysOf(parts: readonly VectorPart[]): Column[] {
  const columns = parts.flatMap(({ bundle }) => bundle.entity.keys)
  return [...new Map(columns.map((column) => [column.name, column])).values()]
}

interface Named {
  readonly kind: 'view' | 'service'
  readonly name: string
  readonly version: number
  readonly views: readonly ViewBundle[]
  readonly features: readonly { readonly view: string; readonly feature: string }[]
}

function findNamed(definitions: ServingDefinitions, asked: string): Named {
  const [, name = asked, version] = /^(.+)@v(\d+)$/.exec(asked) ?? []
  const atVersion = version === undefined ? null : Number(version)
  const service = newest(definitions.services, (one) => one.name === name, atVersion)
  if (service) {
    const pinned = new Map(service.features.map(({ view, viewVersion }) => [view, viewVersion]))
    const views = [...pinned].map(([view, viewVersion]) => viewOf(definitions, view, viewVersion))
    return { kind: 'service', name, version: service.version, views, features: service.features }
  }
  const bundle = viewOf(definitions, name, atVersion)
  const { view } = bundle
  const features = view.features.map((feature) => ({ view: view.name, feature: feature.name }))
  return { kind: 'view', name, version: view.version, views: [bundle], features }
}

function viewOf(definitions: ServingDefinitions, name: string, version: number | null): ViewBundle {
  const versions = definitions.views.map(({ definition, isApplied }) => ({
    isApplied,
    definition: { name: definition.view.name, version: definition.view.version, bundle: definition },
  }))
  const found = newest(versions, (one) => one.name === name, version)
  if (found) return found.bundle
  const asked = version === null ? name : `${name}@v${version}`
  throw new MillcourseError('REGISTRY_UNKNOWN_VIEW', `there is no view or service "${asked}"`, {
    hint: whatThereIs(definitions),
    facts: { project: definitions.project, asked },
  })
}

/** The applied version comes before retired ones, else the newest. */
function newest<Definition extends { readonly name: string; readonly version: number }>(
  served: readonly Served<Definition>[],
  isNamed: (definition: Definition) => boolean,
  version: number | null,
): Definition | null {
  const rank = ({ isApplied, definition }: Served<Definition>) => (isApplied ? 1e9 : 0) + definition.version
  const [found] = served
    .filter(({ definition }) => isNamed(definition) && (version === null || definition.version === version))
    .sort((a, b) => rank(b) - rank(a))
  return found?.definition ?? null
}

const namesShownMax = 20

function whatThereIs({ views, services }: ServingDefinitions): string {
  const names = (of: readonly string[]) =>
    of.length <= namesShownMax
      ? of.join(', ')
      : `${of.slice(0, namesShownMax).join(', ')} and ${of.length - namesShownMax} more`
  const viewNames = views.filter((one) => one.isApplied).map(({ definition }) => definition.view.name)
  const serviceNames = services.filter((one) => one.isApplied).map(({ definition }) => definition.name)
  if (viewNames.length === 0) return 'nothing is applied yet: millcourse apply'
  return `views are ${names(viewNames)}${serviceNames.length > 0 ? `; services are ${names(serviceNames)}` : ''}`
}

function unknownFeature(asked: string, feature: string, known: readonly string[]): MillcourseError {
  return new MillcourseError('REGISTRY_UNKNOWN_FEATURE', `"${asked}" has no feature "${feature}"`, {
    hint: `its features are ${known.join(', ')}`,
    facts: { asked, feature },
  })
}
