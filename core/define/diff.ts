/** What a change of the feature repo means: `plan` prints it, and refuses what would make committed values wrong. */
import { parseInstant } from '../time/instant.js'
import { bundleFor } from './bundle.js'
import { canonicalJson, type Json } from './canonical-json.js'
import { decisiveContent, sourceContent } from './definition-hash.js'
import type {
  Definition,
  EntityDefinition,
  FeatureRepo,
  FeatureServiceDefinition,
  FeatureViewDefinition,
  SourceDefinition,
  ViewBundle,
} from './definitions.js'
import { diffFields, type FieldDifference } from './diff-fields.js'
import { isSameJson } from './same-json.js'
import { typed } from './typed-column.js'

/**
 * - `breaking`: values mean something else, or are no longer made. A view or service then needs a new version.
 * - `additive`: takes effect from the next run on; what is there stays right.
 * - `metadata`: documentation.
 */
export type ChangeLevel = 'breaking' | 'additive' | 'metadata'

export interface FieldChange extends FieldDifference {
  readonly level: ChangeLevel
}

export interface Change {
  readonly object: Definition['kind']
  readonly name: string
  /** `new-version`: a view or service made beside the old one, which stays as it is. */
  readonly kind: 'added' | 'changed' | 'new-version' | 'removed'
  readonly level: ChangeLevel
  /** None for `added` and `removed`. */
  readonly fields: readonly FieldChange[]
}

/** Everything that differs: entities, sources, views, services, each by name. `before` null: nothing was applied yet. */
export function diffRepos(before: FeatureRepo | null, after: FeatureRepo): Change[] {
  const isSame = sameness(before, after)
  return [
    ...diffDefinitions(before?.entities, after.entities, diffEntity),
    ...diffDefinitions(before?.sources, after.sources, diffSource),
    ...diffDefinitions(before?.views, after.views, (old, now) =>
      isSame(now)
        ? changed({ breaking: [], additive: [], metadata: [] })
        : // Only called for views that were there before.
          diffView(bundleFor(before as FeatureRepo, old), bundleFor(after, now)),
    ),
    ...diffDefinitions(before?.services, after.services, diffService),
  ]
}

function diffDefinitions<D extends Definition>(
  before: readonly D[] | undefined,
  after: readonly D[],
  difference: (old: D, now: D) => Difference,
): Change[] {
  const old = new Map(before?.map((one) => [one.name, one]))
  const now = new Map(after.map((one) => [one.name, one]))
  return [...new Set([...old.keys(), ...now.keys()])].sort().flatMap((name): Change[] => {
    const [was, is] = [old.get(name), now.get(name)]
    if (!is) return was ? [{ object: was.kind, name, kind: 'removed', level: 'breaking', fields: [] }] : []
    if (!was) return [{ object: is.kind, name, kind: 'added', level: 'additive', fields: [] }]
    const change = { object: is.kind, name, ...difference(was, is) }
    return change.fields.length === 0 ? [] : [change]
  })
}

/** Of most of hundreds of views nothing has changed, nor of what they are built from: they are not taken apart. */
function sameness(before: FeatureRepo | null, after: FeatureRepo): (view: FeatureViewDefinition) => boolean {
  const same = <D extends Definition>(old: readonly D[] = [], now: readonly D[]) => {
    const was = new Map(old.map((one) => [one.name, one]))
    return new Set(now.filter((one) => isSameDefinition(was.get(one.name), one)).map(({ name }) => name))
  }
  const [entities, sources] = [same(before?.entities, after.entities), same(before?.sources, after.sources)]
  const views = same(before?.views, after.views)
  return ({ name, entity, source }) => views.has(name) && entities.has(entity) && sources.has(source)
}

/** Where it was written is no part of what it says. */
function isSameDefinition(old: Definition | undefined, now: Definition): boolean {
  return old !== undefined && isSameJson(asJson({ ...old, at: null }), asJson({ ...now, at: null }))
}

function documentationOf({ owner, description, tags }: Definition) {
  return { owner, description, tags }
}

type Difference = Pick<Change, 'kind' | 'level' | 'fields'>

function changed(fields: Readonly<Record<ChangeLevel, readonly FieldDifference[]>>): Difference {
  const levels = ['breaking', 'additive', 'metadata'] as const
  return {
    kind: 'changed',
    level: levels.find((level) => fields[level].length > 0) ?? 'metadata',
    fields: levels.flatMap((level) => fields[level].map((field) => ({ ...field, level }))),
  }
}

function diffEntity(old: EntityDefinition, now: EntityDefinition) {
  return changed({
    breaking: diffFields({ keys: asJson(old.keys) }, { keys: asJson(now.keys) }),
    additive: [],
    metadata: diffFields(documentationOf(old), documentationOf(now)),
  })
}

function diffSource(old: SourceDefinition, now: SourceDefinition) {
  const schema = diffFields({ schema: asJson(old.schema) }, { schema: asJson(now.schema) })
  // Columns declared after all that were there settle no tie between rows (R3), so they decide no value.
  const kept = now.schema.slice(0, old.schema.length)
  const isGrown = canonicalJson(kept.map(typed)) === canonicalJson(old.schema.map(typed))
  const ready = diffFields({ ready: asJson(old.ready) }, { ready: asJson(now.ready) })
  return changed({
    breaking: [...diffFields(sourceContent(old), sourceContent(now)), ...(isGrown ? [] : schema)],
    additive: [...(isGrown ? schema : []), ...ready],
    metadata: diffFields(documentationOf(old), documentationOf(now)),
  })
}

/** With what the view is built from: a source's new path breaks every view on it. */
function diffView(old: ViewBundle, now: ViewBundle): Difference {
  const operation = ({ view }: ViewBundle) =>
    asJson({
      entity: view.entity,
      source: view.source,
      coarseTile: view.coarseTile,
      lookback: view.lookback,
      onGap: view.onGap,
      checks: view.checks,
      sla: view.sla,
      budget: view.budget ?? null,
      online: view.online,
    }) as { readonly [key: string]: Json }
  const since = diffFields({ since: old.view.since }, { since: now.view.since })
  // Earlier is more history; later takes away what windows and lookups have seen.
  const isCut = parseInstant(now.view.since) > parseInstant(old.view.since)
  const change = changed({
    breaking: [...diffFields(decisiveContent(old), decisiveContent(now)), ...(isCut ? since : [])],
    additive: [...(isCut ? [] : since), ...diffFields(operation(old), operation(now))],
    metadata: diffFields(documentationOf(old.view), documentationOf(now.view)),
  })
  return withVersion(old.view.version, now.view.version, change)
}

function diffService(old: FeatureServiceDefinition, now: FeatureServiceDefinition) {
  const vector = (one: FeatureServiceDefinition) => ({
    features: one.features.map(({ view, viewVersion, feature }) => ({
      name: `${view}.${feature}`,
      version: viewVersion,
    })),
  })
  const change = changed({
    breaking: diffFields(vector(old), vector(now)),
    additive: [],
    metadata: diffFields(documentationOf(old), documentationOf(now)),
  })
  return withVersion(old.version, now.version, change)
}

function withVersion(old: number, now: number, change: Difference): Difference {
  if (old === now) return change
  const level = now > old ? 'additive' : 'breaking'
  return { kind: 'new-version', level, fields: [{ path: 'version', before: old, after: now, level }, ...change.fields] }
}

/** Definitions are JSON by their nature; their interfaces lack the index signature that says so. */
function asJson(value: object): Json {
  return value as unknown as Json
}
