/** What `plan` says of the online store's limits. The store need not be there for a plan: then it is said that nobody looked. */
import type { FeatureRepo, FeatureViewDefinition } from '../../core/define/definitions.js'
import { isMillcourseError } from '../../core/errors.js'
import { planTableWarnings } from '../../core/plan/index.js'
import type { OnlineLimits } from '../../core/ports/online-store.js'
import { versionTableName } from '../../core/publish/index.js'
import type { CliContext } from '../context.js'
import { errorInReport } from '../output/error-in-report.js'

export interface OnlineLimitsFound {
  readonly warnings: readonly string[]
  /** Why nobody could say, as every error in `--json`; a warning has it in words. */
  readonly limitsError: object | null
  /** Null: nobody could say. */
  readonly limits: (Omit<OnlineLimits, 'tables'> & { readonly tables: number }) | null
}

/** @param isApplied false: nothing has ever been, so the ledger may not be there yet */
export async function findOnlineLimits(
  context: CliContext,
  repo: FeatureRepo,
  isApplied: boolean,
): Promise<OnlineLimitsFound> {
  try {
    const limits = await (await context.online()).limits()
    const versions = isApplied ? await (await context.ledger()).onlineTables() : []
    // By the ledger's word: a table that a first load left unfinished is not the version's, whatever its name.
    const hasTable = (view: FeatureViewDefinition) => {
      const known = versions.find((one) => one.view === view.name && one.version === view.version)
      return known !== undefined && limits.tables.includes(versionTableName(repo.project, view, known.named))
    }
    const added = repo.views.filter((view) => view.online && !hasTable(view)).length
    return {
      warnings: planTableWarnings(limits, added),
      limitsError: null,
      limits: { ...limits, tables: limits.tables.length },
    }
  } catch (error) {
    if (!isMillcourseError(error)) throw error
    // Without a stack, the comparison with the registry says so already.
    if (error.code === 'STACK_NOT_RUNNING') return { warnings: [], limitsError: null, limits: null }
    const { text, json } = errorInReport(error)
    return { warnings: [`nobody looked at the online store's limits\n${text}`], limitsError: json, limits: null }
  }
}
