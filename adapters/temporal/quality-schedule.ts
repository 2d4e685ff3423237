/** The one Schedule of a project that checks its views: made, changed and taken away beside those of the views. */
import type { Client, ScheduleOptions, ScheduleOptionsStartWorkflowAction } from '@temporalio/client'
import { ScheduleOverlapPolicy } from '@temporalio/client'
import { type CheckQualityInput, qualityWorkflowId, type ScheduleChanges } from '../../core/ports/run-control.js'
import { deleteSchedule, describe, isSame, nextState, pauseNote, type ScheduleSettings } from './schedules.js'

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

export async function syncQualitySchedule(
  client: Client,
  settings: Omit<ScheduleSettings, 'runsMax' | 'isSearchable'>,
  quality: QualitySettings,
  { isPaused, hasViews }: { readonly isPaused: boolean; readonly hasViews: boolean },
): Promise<ScheduleChanges['checks']> {
  const id = qualityScheduleId(settings.project)
  if (quality.everyMs === null || !hasViews) return (await deleteSchedule(client, id)) ? 'deleted' : 'none'
  const wanted = qualityScheduleOptions(settings, { ...quality, everyMs: quality.everyMs })
  const existing = await describe(client, id)
  if (!existing) {
    await client.schedule.create({ ...wanted, state: isPaused ? { paused: true, note: pauseNote } : { paused: false } })
    return 'created'
  }
  const state = nextState(existing, isPaused)
  if (isSame(existing, wanted) && existing.state.paused === state.paused) return 'unchanged'
  const { scheduleId: _, ...options } = wanted
  await client.schedule.getHandle(id).update(() => ({ ...options, state }))
  return 'updated'
}

function qualityScheduleOptions(
  { project, taskQueue, heartbeatMs }: Omit<ScheduleSettings, 'runsMax' | 'isSearchable'>,
  { everyMs, sample }: { readonly everyMs: number; readonly sample: number },
): ScheduleOptions<ScheduleOptionsStartWorkflowAction<(input: CheckQualityInput) => Promise<unknown>>> {
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
