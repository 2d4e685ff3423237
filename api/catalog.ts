import { planVector, type ServingDefinitions } from '../core/serve/index.js'
import { describeFeature, describeKey } from './describe-vectors.js'
import type { CatalogAnswer } from './schema.js'

/** What can be asked for, by name and version. */
export function catalogOf(definitions: ServingDefinitions): CatalogAnswer {
  const named = [
    ...definitions.services.map(({ definition, isApplied }) => ({ ...definition, isApplied })),
    ...definitions.views.map(({ definition: { view }, isApplied }) => ({ ...view, isApplied })),
  ]
  return {
    revision: definitions.revision,
    entries: named.map(({ name, version, isApplied }) => {
      const plan = planVector(definitions, `${name}@v${version}`)
      return {
        name,
        kind: plan.kind,
        version,
        isApplied,
        keys: plan.keys.map(describeKey),
        features: plan.features.map(describeFeature),
      }
    }),
  }
}
