import type { ViewBundle } from '../core/define/definitions.js'
import { MillcourseError } from '../core/errors.js'
import type { ActivityDeps } from './activity-deps.js'
import type { RunRef } from './steps.js'

/** The definition the run was planned with. @throws MillcourseError PLAN_DEFINITION_MOVED when another one is applied by now */
export async function appliedBundle(deps: ActivityDeps, run: RunRef): Promise<ViewBundle> {
  const bundle = await deps.registry.view(run.view, run.version)
  if (bundle.definitionHash === run.definitionHash) return bundle
  throw new MillcourseError('PLAN_DEFINITION_MOVED', `${run.view}@v${run.version} was changed while it was being run`, {
    hint: 'the run plans again with the definition that is applied now',
    facts: { view: run.view, planned: run.definitionHash, applied: bundle.definitionHash },
  })
}
