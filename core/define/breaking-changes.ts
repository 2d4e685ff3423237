import type { MillcourseError } from '../errors.js'
import { locationFacts, toDefineError } from './declare.js'
import type { FeatureRepo, FeatureServiceDefinition, FeatureViewDefinition } from './definitions.js'
import { type Change, diffRepos } from './diff.js'
import type { FieldDifference } from './diff-fields.js'

/** Breaking changes of views and services without a new version, as errors of `plan`: DEFINE_BREAKING_CHANGE, all of them. */
export function breakingChanges(
  before: FeatureRepo | null,
  after: FeatureRepo,
  changes: readonly Change[] = diffRepos(before, after),
): MillcourseError[] {
  return changes.flatMap((change) => {
    if (change.level !== 'breaking' || change.kind === 'removed') return []
    const find = <D extends { readonly name: string }>(all: readonly D[]) => all.find((one) => one.name === change.name)
    const [was, is] =
      change.object === 'view'
        ? [find(before?.views ?? []), find(after.views)]
        : change.object === 'service'
          ? [find(before?.services ?? []), find(after.services)]
          : []
    return was && is ? [breakingChange(change, was, is)] : []
  })
}

function breakingChange(
  change: Change,
  was: FeatureViewDefinition | FeatureServiceDefinition,
  is: FeatureViewDefinition | FeatureServiceDefinition,
): MillcourseError {
  const broken = change.fields.filter((field) => field.level === 'breaking')
  const who = `${is.kind} '${is.name}'`
  const facts = { [is.kind]: is.name, version: was.version, ...locationFacts(is.at) }
  if (is.version < was.version)
    return toDefineError({
      code: 'DEFINE_BREAKING_CHANGE',
      message: `${who} went back from version ${was.version} to ${is.version}`,
      hint: `versions only rise: version: ${was.version + 1}`,
      facts,
    })
  return toDefineError({
    code: 'DEFINE_BREAKING_CHANGE',
    message: `${who} is at version ${is.version} and would mean something else: ${broken.map(formatField).join('; ')}`,
    hint: `bump the version (version: ${was.version + 1}), so that what version ${was.version} has committed stays what it is; or take the change back`,
    facts,
  })
}

/** `features.delay_avg.over 1d -> 7d`. */
export function formatField({ path, before, after }: FieldDifference): string {
  const show = (value: FieldDifference['before']) =>
    value === null ? 'none' : typeof value === 'string' ? value : JSON.stringify(value)
  return `${path} ${show(before)} -> ${show(after)}`
}
