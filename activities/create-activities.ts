import type { ActivityDeps } from './activity-deps.js'
import { endBackfill, publishBackfill, takeBackfillTurn } from './backfill-turn.js'
import { checkView } from './check-view.js'
import { compactSpan } from './compact-span.js'
import { computeInterval } from './compute-interval.js'
import { applyDecision } from './decide.js'
import { judgeInterval } from './judge-interval.js'
import { scheduledSteps } from './make-way.js'
import { openBackfill } from './open-backfill.js'
import { planBackfill } from './plan-backfill.js'
import { planCompaction } from './plan-compaction.js'
import { planQuality } from './plan-quality.js'
import { planRun } from './plan-run.js'
import { planTick } from './plan-tick.js'
import { publishInterval } from './publish-interval.js'
import { publishSlots } from './publish-slots.js'
import { publishView } from './publish-view.js'
import { readSource } from './read-source.js'
import { recordFailure, recordRun } from './record-run.js'
import { removeFiles } from './remove-files.js'
import { repairView } from './repair-view.js'
import type { Activities } from './steps.js'
import { watchAttempts } from './watch-attempts.js'

/** The activities of one worker, given their ports (activity-deps.ts). */
export function createActivities(given: ActivityDeps): Activities {
  const { activitiesMax = null, writeUnitsPerSecond } = given.settings
  const scheduled = scheduledSteps()
  const publishing = publishSlots(writeUnitsPerSecond === undefined ? null : activitiesMax)
  const deps = { ...given, publishing, scheduled }
  return watchAttempts(
    {
      planTick: planTick(deps),
      planRun: planRun(deps),
      readSource: readSource(deps),
      computeInterval: computeInterval(deps),
      judgeInterval: judgeInterval(deps),
      publishInterval: publishInterval(deps),
      recordRun: recordRun(deps),
      recordFailure: recordFailure(deps),
      applyDecision: applyDecision(deps),
      publishView: publishView(deps),
      checkView: checkView(deps),
      compactSpan: compactSpan(deps),
      planCompaction: planCompaction(deps),
      planQuality: planQuality(deps),
      removeFiles: removeFiles(deps),
      repairView: repairView(deps),
      planBackfill: planBackfill(deps),
      openBackfill: openBackfill(deps),
      takeBackfillTurn: takeBackfillTurn(deps),
      publishBackfill: publishBackfill(deps),
      endBackfill: endBackfill(deps),
    },
    deps.log,
    scheduled,
  )
}
