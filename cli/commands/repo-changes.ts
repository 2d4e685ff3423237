/** What `apply` would do: read by `plan`, done by `apply`. */
import { breakingChanges, type Change, diffRepos, type FeatureRepo, formatField } from '../../core/define/index.js'
import { isMillcourseError, type MillcourseError } from '../../core/errors.js'
import type { AppliedRepo } from '../../core/ports/registry.js'
import type { CliContext } from '../context.js'
import { problemsError } from '../output/error-text.js'
import { queryProblems } from './query-problems.js'

export interface RepoChanges {
  readonly repo: FeatureRepo
  /** What is applied now; null: nothing. */
  readonly applied: AppliedRepo | null
  readonly changes: readonly Change[]
  /** Breaking changes without a new version: `apply` refuses them. */
  readonly refused: readonly MillcourseError[]
  readonly schedules: {
    readonly create: readonly string[]
    readonly update: readonly string[]
    readonly delete: readonly string[]
  }
}

/** @throws MillcourseError the problems of the definitions, all of them; those of the registry */
export async function findChanges(context: CliContext): Promise<RepoChanges> {
  const repo = await readValidRepo(context)
  const applied = await readApplied(context)
  const before = applied?.repo ?? null
  const changes = diffRepos(before, repo)
  return {
    repo,
    applied,
    changes,
    refused: breakingChanges(before, repo, changes),
    schedules: scheduleChanges(before, repo),
  }
}

/** @throws MillcourseError the problems of the definitions, all of them */
export async function readValidRepo(context: CliContext): Promise<FeatureRepo> {
  const { repo, problems } = await context.readRepo()
  const faulty = new Set(problems.map(({ detail }) => String(detail.facts?.source)))
  const all = [...problems, ...(await queryProblems(context, repo, faulty))]
  if (all.length > 0) throw problemsError(all, context.repoDir)
  return repo
}

async function readApplied(context: CliContext): Promise<AppliedRepo | null> {
  try {
    return await (await context.registry()).current()
  } catch (error) {
    // A database without our schema is a registry to which nothing has ever been applied; an older schema holds something.
    if (!isMillcourseError(error) || error.code !== 'LEDGER_SCHEMA_OUTDATED') throw error
    if ((await context.migrate({ isCheck: true })).applied.length > 0) throw error
    return null
  }
}

function scheduleChanges(before: FeatureRepo | null, after: FeatureRepo): RepoChanges['schedules'] {
  const was = new Map(before?.views.map((view) => [view.name, view]))
  const is = new Set(after.views.map(({ name }) => name))
  return {
    create: after.views.filter(({ name }) => !was.has(name)).map(({ name }) => name),
    update: after.views
      .filter(({ name, every }) => was.has(name) && was.get(name)?.every !== every)
      .map(({ name }) => name),
    delete: [...was.keys()].filter((name) => !is.has(name)),
  }
}

const marks = { added: '+', changed: '~', 'new-version': '^', removed: '-' } as const

export function changesText({ changes, schedules }: RepoChanges): string {
  const lines = changes.flatMap((change) => [
    `${marks[change.kind]} ${change.object} ${change.name}${change.kind === 'added' || change.kind === 'removed' ? '' : ` (${change.level})`}`,
    ...change.fields.map((field) => `    ${formatField(field)}`),
  ])
  const scheduleLines = (['create', 'update', 'delete'] as const)
    .filter((verb) => schedules[verb].length > 0)
    .map((verb) => `${verb} schedule${schedules[verb].length === 1 ? '' : 's'}: ${schedules[verb].join(', ')}`)
  return [...(lines.length === 0 ? ['no changes'] : lines), ...scheduleLines].join('\n')
}
