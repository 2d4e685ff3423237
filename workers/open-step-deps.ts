import type { ActivityDeps } from '../activities/activity-deps.js'
import { keptByDefault } from '../activities/remove-files.js'
import type { Config } from './config.js'
import type { StackPorts } from './stack-ports.js'

/** What the steps of a run work with: every port of the stack, opened, beside what is the process's own. */
export async function openStepDeps(
  {
    project,
    publish,
    compaction,
    backfill,
    worker,
  }: Pick<Config, 'project' | 'publish' | 'compaction' | 'backfill' | 'worker'>,
  ports: StackPorts,
  own: Pick<ActivityDeps, 'clock' | 'log' | 'telemetry' | 'spending'>,
): Promise<ActivityDeps> {
  return {
    ...own,
    ledger: await ports.ledger(),
    registry: await ports.registry(),
    lake: await ports.lake(),
    sources: await ports.sources(),
    engine: await ports.engine(),
    online: await ports.online(),
    settings: {
      project,
      activitiesMax: worker.activitiesMax,
      leaseMs: publish.leaseMs,
      publishWaitMs: publish.waitMs,
      publishPartItems: publish.partItems,
      ...(backfill.prices === null ? {} : { prices: backfill.prices }),
      backfillsAtOnce: backfill.atOnce,
      ...(backfill.costMax === null ? {} : { backfillCostMax: backfill.costMax }),
      ...(backfill.writeUnitsPerSecond === null ? {} : { writeUnitsPerSecond: backfill.writeUnitsPerSecond }),
      retention: {
        ...keptByDefault,
        compactedKeptMs: compaction.compactedKeptMs,
        supersededKeptMs: compaction.supersededKeptMs,
        candidatesKeptMs: compaction.candidatesKeptMs,
        quarantineKeptMs: compaction.quarantineKeptMs,
        detailsKeptMs: compaction.detailsKeptMs,
      },
    },
  }
}
