/** What a training set is asked for, by options or by the manifest of one that was made before: its views as the registry has them. */
import type { FeatureServiceDefinition, ViewBundle } from '../../core/define/definitions.js'
import { MillcourseError } from '../../core/errors.js'
import type { ManifestView, TrainingManifest, TrainingMode } from '../../core/training/index.js'
import { type AskedView, askedServices, parseAskedViews } from '../commands/asked-views.js'
import type { CliContext } from '../context.js'

export interface AskedSet {
  /** Its file, here or in S3; null: what `sql` gives. */
  readonly spine: string | null
  readonly sql: string | null
  readonly eventTime: string
  readonly features: readonly string[]
  readonly map: readonly string[]
  readonly mode: TrainingMode
}

export interface FoundView {
  readonly bundle: ViewBundle
  readonly alias: string
  readonly features: readonly string[]
  readonly mapping: Readonly<Record<string, string>>
}

/** @throws MillcourseError USAGE, REGISTRY_UNKNOWN_VIEW */
export async function findViews(context: CliContext, asked: AskedSet): Promise<FoundView[]> {
  const registry = await context.registry()
  const services = await Promise.all(
    askedServices(asked.features).map(async (name) => {
      const service = await registry.service(name)
      if (service) return service
      throw new MillcourseError('REGISTRY_UNKNOWN_VIEW', `there is no service "${name}"`, {
        hint: 'service:NAME names a feature service that is applied; see millcourse plan',
        facts: { asked: name },
      })
    }),
  )
  const views = parseAskedViews(asked.features, asked.map, services)
  return Promise.all(
    views.map(async (one) => {
      const bundle = await registry.view(one.view, one.version ?? undefined)
      if (one.version !== null && one.isNewest) {
        const { version } = (await registry.view(one.view)).view
        if (version !== one.version) throw twoVersions({ ...one, version: one.version }, version, services)
      }
      return foundView(one, bundle)
    }),
  )
}

function twoVersions(
  { view, version }: { readonly view: string; readonly version: number },
  newest: number,
  services: readonly FeatureServiceDefinition[],
): MillcourseError {
  const service = services.find(({ features }) => features.some((one) => one.view === view))!
  return new MillcourseError(
    'USAGE',
    `"${view}" is asked for at two versions: service ${service.name} has ${view}@v${version}, and ${view} by its name is ${view}@v${newest}`,
    {
      hint: `ask for the newest under an alias (NAME=${view}:feature), or leave it out; of ${view}@v${version} a set has what the service names`,
      facts: { view, service: service.name, pinned: version, newest },
    },
  )
}

function foundView({ alias, features, mapping }: AskedView, bundle: ViewBundle): FoundView {
  const all = bundle.view.features.map(({ name }) => name)
  return { bundle, alias, mapping, features: features === 'all' ? all : features }
}

/** @throws MillcourseError TRAINING_STATE_CHANGED where a view's values are defined otherwise now, REGISTRY_UNKNOWN_VIEW */
export async function findManifestViews(context: CliContext, manifest: TrainingManifest): Promise<FoundView[]> {
  const registry = await context.registry()
  return Promise.all(
    manifest.views.map(async (before): Promise<FoundView> => {
      const bundle = await registry.view(before.view, before.version)
      if (bundle.definitionHash !== before.definitionHash) throw redefined(before)
      return { bundle, alias: before.alias, features: before.features, mapping: before.mapping }
    }),
  )
}

function redefined({ view, version }: ManifestView): MillcourseError {
  return new MillcourseError('TRAINING_STATE_CHANGED', `view ${view}@v${version} is defined otherwise now`, {
    hint: 'a version keeps its definition once it has run: apply the one that it had, or make the set anew without --rebuild',
    facts: { view, version },
  })
}
