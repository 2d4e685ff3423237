/**
 * How a training set is asked for: `--features view:feature,view:*,alias=view:feature,alias=view,service:name` and
 * `--map view.key=column`.
 */
import type { FeatureServiceDefinition } from '../../core/define/definitions.js'
import { MillcourseError } from '../../core/errors.js'

export interface AskedView {
  readonly view: string
  /** Pinned by a service; null: the newest. */
  readonly version: number | null
  /** Asked for by its name, too, which stands for the newest version: the pinned one has to be that. */
  readonly isNewest: boolean
  /** Begins the output's names; the view's own name where none is given. The same view under two aliases is joined twice (R13). */
  readonly alias: string
  readonly features: readonly string[] | 'all'
  /** Key -> spine column. */
  readonly mapping: Readonly<Record<string, string>>
}

const servicePattern = /^service:([^=:]+)$/

/** Services named by the option, each once. A view that is called `service` is asked for under an alias. */
export function askedServices(features: readonly string[]): string[] {
  return [...new Set(features.flatMap((text) => servicePattern.exec(text)?.[1] ?? []))]
}

interface Asked {
  readonly view: string
  version: number | null
  isNewest: boolean
  features: string[] | 'all'
  readonly mapping: Record<string, string>
}

/**
 * Views and features in the order of the option; a service's views are asked for at the versions that it pins, and a feature that it
 * shares with what is asked beside it comes once.
 * @param services those of `askedServices`
 * @throws MillcourseError USAGE
 */
export function parseAskedViews(
  features: readonly string[],
  maps: readonly string[],
  services: readonly FeatureServiceDefinition[] = [],
): AskedView[] {
  const views = new Map<string, Asked>()
  const fromServices = new Set<string>()
  for (const text of features) {
    const service = services.find(({ name }) => name === servicePattern.exec(text)?.[1])
    if (service) addService(views, service, fromServices)
    else addView(views, text, fromServices)
  }
  if (views.size === 0) throw usage('no features are asked for', '--features VIEW:feature')
  for (const text of maps) addMapping(views, text)
  return [...views].map(([alias, asked]) => ({ alias, ...asked }))
}

function addView(views: Map<string, Asked>, text: string, fromServices: ReadonlySet<string>): void {
  const match = /^(?:([^=:]+)=)?([^=:]+):([^=:]+)$/.exec(text) ?? /^([^=:]+)=([^=:]+)()$/.exec(text)
  if (!match)
    throw usage(
      `"${text}" is not VIEW:feature`,
      'such as airport_delays:delay_avg_24h, airport_delays:*, from=airport_delays or service:delay_model',
    )
  const [, given, view = '', feature = ''] = match
  const alias = given ?? view
  const asked = views.get(alias) ?? { view, version: null, isNewest: true, features: [], mapping: {} }
  if (asked.view !== view) throw usage(`"${alias}" names both ${asked.view} and ${view}`, 'give each its own alias')
  asked.isNewest = true
  if (feature === '*' || feature === '') asked.features = 'all'
  else if (asked.features !== 'all' && !(fromServices.has(`${alias}:${feature}`) && asked.features.includes(feature)))
    asked.features.push(feature)
  views.set(alias, asked)
}

function addService(views: Map<string, Asked>, service: FeatureServiceDefinition, fromServices: Set<string>): void {
  for (const { view, viewVersion, feature } of service.features) {
    const asked = views.get(view) ?? { view, version: null, isNewest: false, features: [], mapping: {} }
    if (asked.view !== view || (asked.version ?? viewVersion) !== viewVersion)
      throw usage(
        `service ${service.name} has ${view}@v${viewVersion}, and "${view}" is asked as ${asked.view}@v${asked.version ?? 'newest'}`,
        'ask for one of them under an alias: ALIAS=VIEW:feature',
      )
    asked.version = viewVersion
    if (asked.features !== 'all' && !asked.features.includes(feature)) asked.features.push(feature)
    fromServices.add(`${view}:${feature}`)
    views.set(view, asked)
  }
}

function addMapping(views: ReadonlyMap<string, Asked>, text: string): void {
  const match = /^([^.=]+)\.([^=]+)=(.+)$/.exec(text)
  if (!match)
    throw usage(
      `"${text}" of --map is not VIEW.key=column`,
      text.includes('=')
        ? 'such as airport_delays.origin=departure_airport'
        : 'pairs are separated by commas, so a column whose name has a comma cannot be named: give it another name, as --spine-sql can',
    )
  const [, alias = '', key = '', column = ''] = match
  const asked = views.get(alias)
  if (!asked) throw usage(`--map names "${alias}", of which no feature is asked for`, [...views.keys()].join(', '))
  const known = Object.hasOwn(asked.mapping, key) ? asked.mapping[key] : column
  if (known !== column)
    throw usage(`--map says that ${alias}.${key} is "${known}" and "${column}"`, 'say one of the two')
  asked.mapping[key] = column
}

function usage(message: string, hint: string): MillcourseError {
  return new MillcourseError('USAGE', message, { hint })
}
