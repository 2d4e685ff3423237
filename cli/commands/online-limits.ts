/** What `plan` says of the online store's limits. The store need not be there for a plan: then it is said that nobody looked. */
import type { FeatureRepo } from '../../core/define/definitions.js'
import { isMillcourseError } from '../../core/errors.js'
import { planTableWarnings } from '../../core/plan/index.js'
import type { OnlineLimits } from '../../core/ports/online-store.js'
import { isTableOfVersion, onlineTableName } from '../../core/publish/index.js'
import type { CliContext } from '../context.js'

export interface OnlineLimitsFound {
  readonly warnings: readonly string[]
  /** Null: nobody could say. */
  readonly limits: (Omit<OnlineLimits, 'tables'> & { readonly tables: number }) | null
}

export async function findOnlineLimits(context: CliContext, repo: FeatureRepo): Promise<OnlineLimitsFound> {
  const wanted = repo.views
    .filter(({ online }) => online)
    .map(({ name, version }) => onlineTableName(repo.project, name, version))
  try {
    const limits = await (await context.online()).limits()
    // What a version was loaded into has a name of its own.
    const missing = wanted.filter((plain) => !limits.tables.some((table) => isTableOfVersion(table, plain)))
    return { warnings: planTableWarnings(limits, missing), limits: { ...limits, tables: limits.tables.length } }
  } catch (error) {
    if (!isMillcourseError(error)) throw error
    // Without a stack, the comparison with the registry says so already.
    if (error.code === 'STACK_NOT_RUNNING') return { warnings: [], limits: null }
    const { hint } = error.detail
    const advice = error.code === 'PUBLISH_ACCESS_DENIED' && hint ? `; ${hint}` : ''
    return { warnings: [`nobody looked at the online store's limits (${error.message})${advice}`], limits: null }
  }
}
