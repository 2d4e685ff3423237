import { MillcourseError } from '../errors.js'
import { locationFacts } from './declare.js'
import { definitionHash } from './definition-hash.js'
import type { FeatureRepo, FeatureViewDefinition, ViewBundle } from './definitions.js'

/** The view with what it is built from. @throws MillcourseError REGISTRY_UNKNOWN_VIEW; DEFINE_INVALID (its entity or source is not in the repo) */
export function bundleFor(repo: FeatureRepo, view: FeatureViewDefinition | string): ViewBundle {
  const found = typeof view === 'string' ? repo.views.find((one) => one.name === view) : view
  if (!found)
    throw new MillcourseError('REGISTRY_UNKNOWN_VIEW', `there is no view '${view}' in project '${repo.project}'`, {
      hint: `its views are ${repo.views.map((one) => one.name).join(', ') || 'none'}`,
      facts: { view: String(view) },
    })
  const entity = repo.entities.find((one) => one.name === found.entity)
  const source = repo.sources.find((one) => one.name === found.source)
  if (!entity || !source) {
    const missing = entity ? `source '${found.source}'` : `entity '${found.entity}'`
    throw new MillcourseError(
      'DEFINE_INVALID',
      `view '${found.name}' is built from ${missing}, which the repo does not have`,
      {
        facts: { view: found.name, ...locationFacts(found.at) },
      },
    )
  }
  return { view: found, entity, source, definitionHash: definitionHash({ view: found, entity, source }) }
}
