import type { ActivityDeps } from '../../activities/activity-deps.js'
import { checkVersion } from '../../activities/check-view.js'
import { recordCheck } from '../../activities/record-check.js'
import type { QualityCheck, ReadLimit } from '../../core/quality/index.js'

interface Drawn {
  readonly seed?: number
  readonly sample?: number
  /** Else the newest. */
  readonly version?: number
  readonly limit?: ReadLimit | undefined
}

/** Checks a view as the step of the workflow does. */
export async function recordedCheck(
  deps: ActivityDeps,
  view: string,
  { seed = 1, sample = 30, version, limit }: Drawn = {},
): Promise<QualityCheck> {
  const bundle = await deps.registry.view(view, version)
  const { signal } = new AbortController()
  return await recordCheck(deps, { view, version: bundle.view.version }, (before) =>
    checkVersion(deps, bundle, { seed, sample, before, ...(limit && { limit }) }, signal),
  )
}

/** Cause, shop and hour of each. */
export function faultsOf({ faults }: QualityCheck): (string | null)[][] {
  return faults.map(({ cause, key, interval }) => [cause, key?.shop ?? null, interval?.start.slice(11, 16) ?? null])
}
