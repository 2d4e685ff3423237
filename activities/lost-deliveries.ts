/**
 * R19, R31: intervals whose rows were hidden by a redelivery in a file that is gone or changed now. The file may hold none of their own
 * rows, so that their inputs' hash does not tell; they have to run again, or the event would be counted nowhere.
 */
import { searchedAroundNs } from '../core/compute/index.js'
import type { ViewBundle } from '../core/define/definitions.js'
import { inParallel } from '../core/in-parallel.js'
import type { PinnedFile } from '../core/plan/index.js'
import type { ViewKey } from '../core/ports/ledger.js'
import type { SourceFile } from '../core/source/index.js'
import type { Interval } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'

const runsAtOnce = 8
const headsAtOnce = 16

/** @param files those of `range`, as they are now */
export async function intervalsWithLostDeliveries(
  deps: Pick<ActivityDeps, 'ledger' | 'sources'>,
  bundle: ViewBundle,
  key: ViewKey,
  range: Interval,
  files: readonly SourceFile[],
): Promise<Interval[]> {
  const aroundNs = searchedAroundNs(bundle)
  if (aroundNs === 0n) return []
  const near = { start: range.start - aroundNs, end: range.end + aroundNs }
  const states = (await deps.ledger.intervalStates(key, near)).filter((state) => state.latestRun !== null)
  const pins = await inParallel(states, runsAtOnce, async ({ latestRun }): Promise<readonly PinnedFile[]> => {
    const run = await deps.ledger.run(latestRun!.runId)
    return run?.pins?.files.filter((file) => file.role === 'within') ?? []
  })
  const etags = new Map(files.map((file) => [file.uri, file.etag]))
  const unlisted = [...new Set(pins.flat().map((file) => file.uri))].filter((uri) => !etags.has(uri))
  await inParallel(unlisted, headsAtOnce, async (uri) => {
    const now = await deps.sources.head(uri)
    if (now) etags.set(uri, now.etag)
  })
  return states
    .filter((_, at) => pins[at]!.some((file) => etags.get(file.uri) !== file.etag))
    .map((one) => one.interval)
}
