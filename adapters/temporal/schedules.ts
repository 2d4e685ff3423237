/** One Schedule per view: what it says, and whether an existing one says the same. */
import {
  type Client,
  type ScheduleDescription,
  ScheduleNotFoundError,
  type ScheduleOptions,
  type ScheduleOptionsStartWorkflowAction,
  ScheduleOverlapPolicy,
  type ScheduleSummary,
} from '@temporalio/client'
import { TypedSearchAttributes } from '@temporalio/common'
import type { FeatureViewDefinition } from '../../core/define/definitions.js'
import { MillcourseError } from '../../core/errors.js'
import type { TickInput } from '../../core/ports/run-control.js'
import { durationToMs } from '../../core/time/duration.js'
import { instantFromMs, instantToMs, parseInstant } from '../../core/time/instant.js'
import type { ScheduleSeen } from '../../core/watch/index.js'
import { scheduleAttributes } from './search-attributes.js'

export interface ScheduleSettings {
  readonly project: string
  readonly taskQueue: string
  readonly runsMax: number
  readonly heartbeatMs: number
  /** The server knows our search attributes. */
  readonly isSearchable: boolean
}

/** As both a wanted Schedule and a described one say it. */
interface ScheduleTold {
  readonly spec: {
    readonly intervals?: readonly { readonly every: unknown; readonly offset?: unknown }[]
    readonly jitter?: unknown
  }
  readonly policies?: {
    readonly overlap?: unknown
    readonly catchupWindow?: unknown
    readonly pauseOnFailure?: boolean | undefined
  }
  readonly action: {
    readonly taskQueue: string
    readonly workflowId?: string
    readonly workflowType: unknown
    readonly args?: unknown
    readonly typedSearchAttributes?: ScheduleOptions['typedSearchAttributes']
  }
  readonly typedSearchAttributes?: ScheduleOptions['typedSearchAttributes']
}

/** Schedules that say this were paused by `isPaused`, and only they are resumed by its absence: a person's pause is left alone. */
export const pauseNote = 'paused by millcourse'
/** Temporal looks at Schedules with a resolution of a second. */
const everyMsMin = 1_000

export function scheduleId(project: string, view: string): string {
  return `${schedulePrefix(project)}${view}`
}

export function schedulePrefix(project: string): string {
  return `schedule/${project}/`
}

/** The pause that it is to have: of one that `existing` says. */
export function nextState(
  { paused, note }: Pick<ScheduleSummary['state'], 'paused' | 'note'>,
  isPaused: boolean,
): { paused: boolean; note?: string } {
  if (isPaused) return paused ? { paused, ...(note ? { note } : {}) } : { paused: true, note: pauseNote }
  return paused && note !== pauseNote ? { paused, ...(note ? { note } : {}) } : { paused: false }
}

export function scheduleOptions(
  settings: ScheduleSettings,
  view: FeatureViewDefinition,
): ScheduleOptions<ScheduleOptionsStartWorkflowAction<(input: TickInput) => Promise<unknown>>> {
  const everyMs = durationToMs(view.every)
  if (everyMs < everyMsMin)
    throw new MillcourseError(
      'DEFINE_INVALID',
      `view ${view.name}: every ${view.every} is shorter than a Schedule can be`,
      {
        hint: 'choose 1s or longer',
        facts: { view: view.name, every: view.every },
      },
    )
  const sinceMs = instantToMs(parseInstant(view.since))
  const input: TickInput = {
    view: view.name,
    now: null,
    kind: 'scheduled',
    range: null,
    runsMax: settings.runsMax,
    heartbeatMs: settings.heartbeatMs,
  }
  const search = settings.isSearchable ? { typedSearchAttributes: scheduleAttributes(view) } : {}
  return {
    scheduleId: scheduleId(settings.project, view.name),
    ...search,
    // Fires at each interval's end: intervals are aligned to `since`, not to 1970.
    spec: {
      intervals: [{ every: everyMs, offset: ((sinceMs % everyMs) + everyMs) % everyMs }],
      // Hundreds of views of one pace must not all tick in the same second; a tick has no hurry of its own.
      jitter: Math.min(Math.floor(everyMs / 20), 30_000),
    },
    policies: {
      // A tick reads all that is missing from the ledger, so that one skipped beside an open one loses nothing.
      overlap: ScheduleOverlapPolicy.SKIP,
      // For the same reason one missed tick is made up for after an outage, not one per interval.
      catchupWindow: Math.max(everyMs, 60_000),
      pauseOnFailure: false,
    },
    action: {
      type: 'startWorkflow',
      workflowType: 'tick',
      // The server appends the time of each start.
      workflowId: `tick/${settings.project}/${view.name}`,
      taskQueue: settings.taskQueue,
      args: [input],
      ...search,
    },
  }
}

export function isSame(existing: ScheduleDescription, wanted: ScheduleTold): boolean {
  return JSON.stringify(saidOf(existing)) === JSON.stringify(saidOf(wanted))
}

/** What of a Schedule is ours to say, alike for one that is wanted and one that is there. */
export function saidOf({ spec, policies, action, typedSearchAttributes }: ScheduleTold): readonly unknown[] {
  return [
    ...specOf(spec),
    policies?.overlap,
    policies?.catchupWindow,
    policies?.pauseOnFailure,
    action.workflowType,
    action.workflowId,
    action.taskQueue,
    action.args,
    pairsOf(typedSearchAttributes),
    pairsOf(action.typedSearchAttributes),
  ]
}

export function specOf(spec: ScheduleTold['spec'] | undefined): readonly unknown[] {
  const [interval] = spec?.intervals ?? []
  return [spec?.intervals?.length ?? 0, interval?.every, interval?.offset ?? 0, spec?.jitter ?? 0]
}

function pairsOf(attributes: ScheduleOptions['typedSearchAttributes']): string[] {
  const pairs = attributes instanceof TypedSearchAttributes ? attributes.getAll() : (attributes ?? [])
  return pairs.map(({ key, value }) => `${key.name} ${value}`).sort()
}

/** What the watcher is told of a Schedule. */
export async function readSchedule(client: Client, project: string, view: string): Promise<ScheduleSeen> {
  const found = await describe(client, scheduleId(project, view))
  if (found === null) return { kind: 'absent' }
  const { state, info } = found
  const dueMs = info.recentActions.map(({ scheduledAt }) => scheduledAt.getTime())
  return {
    kind: 'present',
    isPaused: state.paused,
    note: state.note ?? '',
    missedCatchups: info.numActionsMissedCatchupWindow,
    lastDueAt: dueMs.length === 0 ? null : instantFromMs(Math.max(...dueMs)),
    isTicking: info.runningActions.length > 0,
  }
}

export async function describe(client: Client, id: string): Promise<ScheduleDescription | null> {
  try {
    return await client.schedule.getHandle(id).describe()
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return null
    throw error
  }
}

/** False: it was gone already. */
export async function deleteSchedule(client: Client, id: string): Promise<boolean> {
  try {
    await client.schedule.getHandle(id).delete()
    return true
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return false
    throw error
  }
}
