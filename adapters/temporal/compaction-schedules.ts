/** A Schedule per view that compacts it: made beside the one that ticks. It outlives the view in the repo: its files are still there. */
import type { Client, ScheduleOptions, ScheduleOptionsStartWorkflowAction } from '@temporalio/client'
import { ScheduleOverlapPolicy } from '@temporalio/client'
import { type CompactInput, compactWorkflowId } from '../../core/ports/run-control.js'
import { deleteSchedule, describe, isSame, nextState, pauseNote, type ScheduleSettings } from './schedules.js'

export interface CompactionSettings {
  /** Null: never. */
  readonly everyMs: number | null
}

/** Hundreds of views must not all be compacted in the same minute. */
const jitterMsMax = 3_600_000

export function compactionScheduleId(project: string, view: string): string {
  return `compaction/${project}/${view}`
}

export async function syncCompactionSchedules(
  client: Client,
  settings: ScheduleSettings,
  { everyMs }: CompactionSettings,
  views: readonly string[],
  isPaused: boolean,
): Promise<void> {
  const prefix = compactionScheduleId(settings.project, '')
  const names = new Set(everyMs === null ? [] : views)
  // Of a view that a restored registry does not know it would fail for ever.
  for await (const { scheduleId: id } of client.schedule.list())
    if (id.startsWith(prefix) && !names.has(id.slice(prefix.length))) await deleteSchedule(client, id)
  for (const name of names) await syncView(client, compactionSchedule(settings, name, everyMs!), isPaused)
}

async function syncView(client: Client, wanted: CompactionSchedule, isPaused: boolean): Promise<void> {
  const existing = await describe(client, wanted.scheduleId)
  if (!existing) {
    await client.schedule.create({ ...wanted, state: isPaused ? { paused: true, note: pauseNote } : { paused: false } })
    return
  }
  const state = nextState(existing, isPaused)
  if (isSame(existing, wanted) && existing.state.paused === state.paused) return
  const { scheduleId: _, ...options } = wanted
  await client.schedule.getHandle(wanted.scheduleId).update(() => ({ ...options, state }))
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
