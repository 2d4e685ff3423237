/** How a training set is asked for: `--features view:feature,view:*,alias=view:feature` and `--map view.key=column`. */
import { MillcourseError } from '../../core/errors.js'

export interface AskedView {
  readonly view: string
  /** Begins the output's names; the view's own name where none is given. The same view under two aliases is joined twice (R13). */
  readonly alias: string
  readonly features: readonly string[] | 'all'
  /** Key -> spine column. */
  readonly mapping: Readonly<Record<string, string>>
}

/** Views and features in the order of the option. @throws MillcourseError USAGE */
export function parseAskedViews(features: readonly string[], maps: readonly string[]): AskedView[] {
  const views = new Map<string, { view: string; features: string[] | 'all'; mapping: Record<string, string> }>()
  for (const text of features) {
    const match = /^(?:([^=:]+)=)?([^=:]+):([^=:]+)$/.exec(text)
    if (!match) throw usage(`"${text}" is not VIEW:feature`, 'such as airport_delays:delay_avg_24h or airport_delays:*')
    const [, given, view = '', feature = ''] = match
    const alias = given ?? view
    const asked = views.get(alias) ?? { view, features: [], mapping: {} }
    if (asked.view !== view) throw usage(`"${alias}" names both ${asked.view} and ${view}`, 'give each its own alias')
    if (feature === '*') asked.features = 'all'
    else if (asked.features !== 'all') asked.features.push(feature)
    views.set(alias, asked)
  }
  if (views.size === 0) throw usage('no features are asked for', '--features VIEW:feature')
  for (const text of maps) {
    const match = /^([^.=]+)\.([^=]+)=(.+)$/.exec(text)
    if (!match) throw usage(`"${text}" is not VIEW.key=column`, 'such as airport_delays.origin=departure_airport')
    const [, alias = '', key = '', column = ''] = match
    const asked = views.get(alias)
    if (!asked) throw usage(`--map names "${alias}", of which no feature is asked for`, [...views.keys()].join(', '))
    asked.mapping[key] = column
  }
  return [...views].map(([alias, asked]) => ({ alias, ...asked }))
}

function usage(message: string, hint: string): MillcourseError {
  return new MillcourseError('USAGE', message, { hint })
}
