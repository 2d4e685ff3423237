import { type Declared, declare, definitionBrand, type Problem } from './declare.js'
import type { FeatureServiceDefinition } from './definitions.js'
import { type Documentation, documented } from './documentation.js'
import type { FeatureSelection } from './feature-view.js'
import { checkName, checkVersion } from './names.js'
import { callerLocation } from './source-location.js'
import { documentationOptions, unknownOptions } from './unknown-options.js'

export interface FeatureService<Name extends string = string> extends Declared<FeatureServiceDefinition> {
  readonly name: Name
}

export interface ServiceOptions extends Documentation {
  /** 1, 2, …; rises with every change of the features, their versions or their order. */
  readonly version: number
  /** In the order of the vector: `[airportDelays.pick('flights_24h'), lastDeparture.all()]`. */
  readonly features: readonly FeatureSelection[]
}

/** An ordered bundle of features for one model version. @throws MillcourseError DEFINE_* */
export function featureService<const Name extends string>(name: Name, options: ServiceOptions): FeatureService<Name> {
  const definition: FeatureServiceDefinition = {
    kind: 'service',
    name,
    version: options.version,
    features: (options.features ?? []).flatMap((selection) => selection.features ?? []),
    ...documented(options),
    at: callerLocation(),
  }
  const known = { version: true, features: true, ...documentationOptions } as const
  return declare({ [definitionBrand]: true, name, definition }, [
    ...unknownOptions(`service '${name}'`, options, known),
    ...serviceProblems(definition),
  ])
}

function serviceProblems(service: FeatureServiceDefinition): Problem[] {
  const who = `service '${service.name}'`
  const problems = [...checkName('service', service.name), ...checkVersion(who, service.version)]
  if (service.features.length === 0)
    problems.push({ code: 'DEFINE_INVALID', message: `${who} has no features`, hint: 'features: [view.all()]' })
  const seen = new Set<string>()
  for (const { view, feature } of service.features) {
    const label = `${view}.${feature}`
    if (seen.has(label))
      problems.push({ code: 'DEFINE_DUPLICATE_NAME', message: `${who} names ${label} twice`, facts: { view, feature } })
    seen.add(label)
  }
  return problems
}
