/** Checks one view after the other, and has what is at fault put right where that was asked for. One that cannot be checked stops no other. */
import { patched } from '@temporalio/workflow'
import type { PlannedCheck } from '../activities/steps.js'
import type { CheckQualityInput, CheckQualityResult, RepairStarted } from '../core/ports/run-control.js'
import { firstCause } from './first-cause.js'
import { proxySteps } from './proxy-activities.js'
import { searchPairs } from './search-attributes.js'
import { startOrJoin } from './start-child.js'
import { tick } from './tick.js'

export async function checkQuality(input: CheckQualityInput): Promise<CheckQualityResult> {
  const steps = proxySteps(input.heartbeatMs)
  const { project, views, seed } = await steps.planQuality(input)
  const checked: CheckQualityResult['checked'][number][] = []
  const failed: CheckQualityResult['failed'][number][] = []
  for (const one of views) {
    const { view, version } = one
    try {
      const { faults } = await steps.checkView({ view, version, sample: input.sample, seed })
      // A rebuild that was asked for may wait for what is no fault any more.
      const isRepaired = input.repair !== null && (faults > 0 || patched('rebuilds-without-faults'))
      const started = isRepaired ? await steps.repairView({ view, version, ...input.repair! }) : null
      const repair = faults > 0 || started?.isRebuildAsked ? started : null
      if (repair !== null) await startRepair(project, one, repair, input)
      checked.push({ view, version, faults, repair })
    } catch (error) {
      const cause = firstCause(error, 'check')
      if (cause === null || cause.code === 'RUN_CANCELLED') throw error
      failed.push({ view, version, code: cause.code, message: cause.message })
    }
  }
  return { checked, failed }
}

/** The tick that runs what was re-opened, and finds the publish due; scheduled ones would, too, when they have done what is older. */
async function startRepair(
  project: string,
  { view, version, isSuperseded, labels }: PlannedCheck,
  { reopened, isRebuildAsked }: RepairStarted,
  { heartbeatMs, now = null }: CheckQualityInput,
): Promise<void> {
  if (reopened.length === 0 && !isRebuildAsked) return
  const timing = heartbeatMs === undefined ? {} : { heartbeatMs }
  // All of them, because of an unreadable compaction nothing is online before its last run; whatever else is due has its Schedule.
  const runs = { only: reopened, runsMax: reopened.length }
  const input = { view, version, now, kind: 'manual', range: null, ...runs, ...timing } as const
  const name = isSuperseded ? `${view}@v${version}` : view
  await startOrJoin(tick, `tick/${project}/${name}/repair`, [input], labels ? { search: searchPairs(labels, {}) } : {})
}
