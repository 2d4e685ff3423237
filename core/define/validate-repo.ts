/** What only the whole repository can tell. */
import type { MillcourseError } from '../errors.js'
import { locationFacts, type Problem, toDefineError } from './declare.js'
import type {
  Definition,
  FeatureRepo,
  FeatureServiceDefinition,
  FeatureViewDefinition,
  SourceDefinition,
  SourceLocation,
  UpstreamView,
} from './definitions.js'

/**
 * All problems, with file and line, never just the first; none: the repo may be applied.
 * @param faultyViews names of views that have problems of their own: what follows from those is not said again
 */
export function validateRepo(repo: FeatureRepo, faultyViews: ReadonlySet<string> = new Set()): MillcourseError[] {
  return [
    ...duplicateNames(repo),
    ...repo.sources.filter((source) => !source.owner?.trim()).map(withoutOwner),
    ...repo.sources.flatMap((source) => inputProblems(repo, source)),
    ...repo.views.flatMap((view) => viewProblems(repo, view)),
    ...outputNames(repo),
    ...repo.services.flatMap((service) => serviceProblems(repo, service, faultyViews)),
  ].map(toDefineError)
}

function problemAt(definition: Definition, problem: Problem): Problem {
  return { ...problem, facts: { ...problem.facts, ...locationFacts(definition.at) } }
}

function formatLocation(at: SourceLocation | null): string {
  return at ? `${at.file}:${at.line}` : 'elsewhere'
}

function withoutOwner(source: Definition): Problem {
  return problemAt(source, {
    code: 'DEFINE_INVALID',
    message: `source '${source.name}' has no owner`,
    hint: "owner: 'the team to ask when its files are late or wrong'",
    facts: { source: source.name },
  })
}

/** What another view commits is there for a version that is applied, and its own definition says what it is. */
function upstreamProblems(repo: FeatureRepo, source: SourceDefinition, { view }: UpstreamView): Problem[] {
  const applied = repo.views.find((one) => one.name === view.name)
  if (applied?.version === view.version) return []
  const what = applied ? `is at version ${applied.version}` : 'the repo does not have'
  return [
    problemAt(source, {
      code: 'DEFINE_INVALID',
      message: `source '${source.name}' is built on version ${view.version} of view '${view.name}', which ${what}`,
      hint: 'export the view',
      facts: { source: source.name, view: view.name },
    }),
  ]
}

/** A query reads what is declared, by owners who can be asked. */
function inputProblems(repo: FeatureRepo, source: SourceDefinition): Problem[] {
  const { query, upstream } = source
  if (upstream) return upstreamProblems(repo, source, upstream)
  if (!query) return []
  return [query.from, ...query.with.map((one) => one.source)].flatMap(({ name }) =>
    repo.sources.some((one) => one.name === name)
      ? []
      : [
          problemAt(source, {
            code: 'DEFINE_INVALID',
            message: `source '${source.name}' reads source '${name}', which the repo does not have`,
            hint: 'define it, and export it',
            facts: { source: source.name },
          }),
        ],
  )
}

function duplicateNames(repo: FeatureRepo): Problem[] {
  return [repo.entities, repo.sources, repo.views, repo.services].flatMap((definitions: readonly Definition[]) =>
    definitions.flatMap((definition, index) => {
      const first = definitions.findIndex((other) => other.name === definition.name)
      if (first === index) return []
      return problemAt(definition, {
        code: 'DEFINE_DUPLICATE_NAME',
        message: `${definition.kind} '${definition.name}' is defined twice, first at ${formatLocation(definitions[first]?.at ?? null)}`,
        hint: 'rename one of the two, or export the first from where it is needed',
        facts: { name: definition.name },
      })
    }),
  )
}

function viewProblems(repo: FeatureRepo, view: FeatureViewDefinition): Problem[] {
  const refuse = (what: string, name: string, known: readonly Definition[]) =>
    problemAt(view, {
      code: 'DEFINE_INVALID',
      message: `view '${view.name}' is built from ${what} '${name}', which the repo does not have`,
      hint: known.length > 0 ? `there are ${known.map((one) => one.name).join(', ')}` : `define one, and export it`,
      facts: { view: view.name, [what]: name },
    })
  return [
    ...(repo.entities.some((one) => one.name === view.entity) ? [] : [refuse('entity', view.entity, repo.entities)]),
    ...(repo.sources.some((one) => one.name === view.source) ? [] : [refuse('source', view.source, repo.sources)]),
  ]
}

/** R14: `view__feature` is a column of training sets, and one name is one feature. */
function outputNames(repo: FeatureRepo): Problem[] {
  const taken = new Map<string, string>()
  // Two views of one name are a problem of their own.
  const views = repo.views.filter((view, index) => repo.views.findIndex((one) => one.name === view.name) === index)
  return views.flatMap((view) =>
    view.features.flatMap((feature) => {
      const name = outputName(view.name, feature.name)
      const by = taken.get(name)
      taken.set(name, by ?? `${view.name}.${feature.name}`)
      if (by === undefined) return []
      return problemAt(view, {
        code: 'DEFINE_DUPLICATE_NAME',
        message: `the output name ${name} is taken twice, by ${by} and by ${view.name}.${feature.name} (R14)`,
        hint: 'rename one of the features',
        facts: { view: view.name, feature: feature.name },
      })
    }),
  )
}

/** The column of a feature in training sets and vectors (R14). */
export function outputName(view: string, feature: string): string {
  return `${view}__${feature}`
}

function serviceProblems(
  repo: FeatureRepo,
  service: FeatureServiceDefinition,
  faultyViews: ReadonlySet<string>,
): Problem[] {
  const reported = new Set<string>()
  return service.features.flatMap(({ view: name, viewVersion, feature }) => {
    const refuse = (about: string, message: string, hint: string): Problem[] => {
      if (reported.has(about)) return []
      reported.add(about)
      const facts = { service: service.name, view: name }
      return [
        problemAt(service, { code: 'DEFINE_INVALID', message: `service '${service.name}' ${message}`, hint, facts }),
      ]
    }
    const named = repo.views.filter((one) => one.name === name)
    // Which of two is meant, or what a faulty view would have, nobody can tell; that is said where they are defined.
    if (named.length > 1 || faultyViews.has(name)) return []
    const view = named[0]
    if (!view)
      return refuse(
        name,
        `takes features of view '${name}', which the repo does not have`,
        'export the view, or leave it out',
      )
    if (view.version !== viewVersion)
      return refuse(
        name,
        `takes version ${viewVersion} of view '${name}', which is at version ${view.version}`,
        `take version ${view.version}, and raise the version of the service`,
      )
    if (!view.features.some((one) => one.name === feature))
      return refuse(
        `${name}.${feature}`,
        `takes feature '${feature}' of view '${name}', which does not have it`,
        `its features are ${view.features.map((one) => one.name).join(', ')}`,
      )
    return []
  })
}
