import type { LakePart } from '../core/compute/index.js'
import type { ViewBundle } from '../core/define/definitions.js'
import type { RunRecord } from '../core/ports/ledger.js'
import { committedPath } from '../core/publish/index.js'
import type { ActivityDeps } from './activity-deps.js'

/**
 * Moves a run's candidate to the place from which it counts once committed; null: the interval had no rows. May be repeated.
 * Nothing refers to the file before the commit, so a crash between leaves the state as it was.
 */
export async function promoteCandidate(
  deps: ActivityDeps,
  bundle: ViewBundle,
  run: RunRecord,
): Promise<LakePart | null> {
  const data = run.candidate?.data ?? null
  if (data === null) return null
  const path = committedPath(bundle.view, run.interval.start, run.runId)
  if (data.path !== path) await deps.lake.promote(data.path, path)
  const placed = await deps.lake.head(path)
  return { ...data, path, ...(placed === null ? {} : { etag: placed.etag }) }
}
