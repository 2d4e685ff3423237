/** The one Schedule of a project that checks its views: made, changed and taken away beside those of the views. */
import type { ScheduleOptions, ScheduleOptionsStartWorkflowAction } from '@temporalio/client'
import { ScheduleOverlapPolicy } from '@temporalio/client'
import { type CheckQualityInput, qualityWorkflowId } from '../../core/ports/run-control.js'
import type { ScheduleSettings } from './schedules.js'

export interface QualitySettings {
  /** Null: never. */
  readonly everyMs: number | null
  /** Keys of each view. */
  readonly sample: number
}

/** Checks of many projects must not all begin at midnight. */
const jitterMsMax = 1_800_000

export function qualityScheduleId(project: string): string {
  return `check-quality/${project}`
}

/** Empty: there is to be none. */
export function qualitySchedules(
  settings: Omit<ScheduleSettings, 'runsMax' | 'isSearchable'>,
  quality: QualitySettings,
  hasViews: boolean,
): QualitySchedule[] {
  const { everyMs } = quality
  return everyMs === null || !hasViews ? [] : [qualityScheduleOptions(settings, { ...quality, everyMs })]
}

type QualitySchedule = ScheduleOptions<
  ScheduleOptionsStartWorkflowAction<(input: CheckQualityInput) => Promise<unknown>>
>

function qualityScheduleOptions(
  { project, taskQueue, heartbeatMs }: Omit<ScheduleSettings, 'runsMax' | 'isSearchable'>,
  { everyMs, sample }: { readonly everyMs: number; readonly sample: number },
): QualitySchedule {
  const input: CheckQualityInput = { views: null, sample, seed: null, repair: null, heartbeatMs }
  return {
    scheduleId: qualityScheduleId(project),
    spec: {
      intervals: [{ every: everyMs, offset: 0 }],
      jitter: Math.min(Math.floor(everyMs / 20), jitterMsMax),
    },
    policies: {
      overlap: ScheduleOverlapPolicy.SKIP,
      // One that was missed in an outage is made up for by the next: it would look at the same state.
      catchupWindow: Math.max(everyMs, 60_000),
      pauseOnFailure: false,
    },
    action: {
      type: 'startWorkflow',
      workflowType: 'checkQuality',
      // The server appends the time of each start.
      workflowId: qualityWorkflowId(project),
      taskQueue,
      args: [input],
    },
  }
}
