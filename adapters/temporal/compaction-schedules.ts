/** A Schedule per view that compacts it: made beside the one that ticks. It outlives the view in the repo: its files are still there. */
import type { ScheduleOptions, ScheduleOptionsStartWorkflowAction } from '@temporalio/client'
import { ScheduleOverlapPolicy } from '@temporalio/client'
import { type CompactInput, compactWorkflowId } from '../../core/ports/run-control.js'
import type { ScheduleSettings } from './schedules.js'

export interface CompactionSettings {
  /** Null: never. */
  readonly everyMs: number | null
}

/** Hundreds of views must not all be compacted in the same minute. */
const jitterMsMax = 3_600_000

export function compactionScheduleId(project: string, view: string): string {
  return `compaction/${project}/${view}`
}

/** Of a view that a restored registry does not know it would fail for ever: what is not among them is deleted. */
export function compactionSchedules(
  settings: ScheduleSettings,
  { everyMs }: CompactionSettings,
  views: readonly string[],
): CompactionSchedule[] {
  return everyMs === null ? [] : [...new Set(views)].map((name) => compactionSchedule(settings, name, everyMs))
}

type CompactionSchedule = ScheduleOptions<ScheduleOptionsStartWorkflowAction<(input: CompactInput) => Promise<unknown>>>

function compactionSchedule(
  { project, taskQueue, heartbeatMs }: ScheduleSettings,
  view: string,
  everyMs: number,
): CompactionSchedule {
  const input: CompactInput = { view, heartbeatMs }
  return {
    scheduleId: compactionScheduleId(project, view),
    spec: {
      intervals: [{ every: everyMs, offset: 0 }],
      jitter: Math.min(Math.floor(everyMs / 4), jitterMsMax),
    },
    policies: {
      overlap: ScheduleOverlapPolicy.SKIP,
      // What one leaves the next one does.
      catchupWindow: Math.max(everyMs, 60_000),
      pauseOnFailure: false,
    },
    action: {
      type: 'startWorkflow',
      workflowType: 'compact',
      // The server appends the time of each start.
      workflowId: compactWorkflowId({ project, view }),
      taskQueue,
      args: [input],
    },
  }
}
