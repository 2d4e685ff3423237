/**
 * Brings Schedules in line with what is wanted. One list tells which are there, their pace and whether they are paused; the rest of what an
 * earlier apply left is known by its mark. Only the others are asked for, a few at a time.
 */
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Client,
  ScheduleAlreadyRunning,
  type ScheduleDescription,
  type ScheduleOptions,
  type ScheduleOptionsStartWorkflowAction,
  type ScheduleSummary,
} from '@temporalio/client'
import type { Workflow } from '@temporalio/common'
import { MillcourseError } from '../../core/errors.js'
import { inParallel } from '../../core/in-parallel.js'
import type { ScheduleMarks } from '../../core/ports/schedule-marks.js'
import { deleteSchedule, describe, isSame, nextState, pauseNote, saidOf, specOf } from './schedules.js'

export type WantedSchedule = ScheduleOptions<ScheduleOptionsStartWorkflowAction<Workflow>>
export type Change = 'created' | 'updated' | 'deleted' | 'unchanged'

export interface SyncRequest {
  readonly wanted: readonly WantedSchedule[]
  /** Schedules whose ids begin so, and that are not wanted, are deleted. The list lags behind by a moment: one missed here goes with the next apply. */
  readonly prefixes: readonly string[]
  /** As `prefixes`, of whole ids: these are not left to a list that lags. */
  readonly ids?: readonly string[]
  readonly isPaused: boolean
  /** Names the server: a mark says nothing of another's Schedules. */
  readonly server: string
  /** Absent: each is asked for. */
  readonly marks?: ScheduleMarks
  /** Those that are there, of a moment ago; absent: asked for now. Read before the marks, which tell what others have changed since. */
  readonly listed?: readonly ScheduleSummary[]
}

/** Each costs the server a workflow of its own: more at a time only wait there. */
const atOnce = 8
const pageSize = 1_000

export async function listSchedules(client: Client): Promise<ScheduleSummary[]> {
  const found: ScheduleSummary[] = []
  for await (const summary of client.schedule.list({ pageSize })) found.push(summary)
  return found
}

/** By id, in the order of `wanted`, deleted ones last. */
export async function syncAll(client: Client, request: SyncRequest): Promise<Map<string, Change>> {
  const { wanted, prefixes, ids = [], isPaused, marks } = request
  const isOurs = (id: string) => ids.includes(id) || prefixes.some((prefix) => id.startsWith(prefix))
  const there = request.listed ?? (await listSchedules(client))
  const listed = new Map(there.filter(({ scheduleId }) => isOurs(scheduleId)).map((one) => [one.scheduleId, one]))
  const known = (await marks?.scheduleMarks()) ?? new Map<string, string>()
  const changes = new Map<string, Change>(wanted.map(({ scheduleId }) => [scheduleId, 'unchanged']))
  const asked = wanted.filter((one) => {
    const summary = listed.get(one.scheduleId)
    return !summary || known.get(one.scheduleId) !== markOf(request, one) || !isListedSame(summary, one, isPaused)
  })
  const surplus = [...new Set([...listed.keys(), ...ids])].filter((id) => !changes.has(id))
  const touched = [...asked.map(({ scheduleId }) => scheduleId), ...surplus]
  if (touched.length === 0) return changes
  await marks?.forgetScheduleMarks(touched)
  await inParallel(asked, atOnce, async (one) => {
    changes.set(one.scheduleId, await syncOne(client, one, isPaused, listed.has(one.scheduleId)))
  })
  await inParallel(surplus, atOnce, async (id) => {
    if (await deleteSchedule(client, id)) changes.set(id, 'deleted')
  })
  await marks?.keepScheduleMarks(new Map(asked.map((one) => [one.scheduleId, markOf(request, one)])))
  return changes
}

/** One that ends is there for whoever makes it and gone for whoever asks for it, for a moment. */
const attempts = 5
const pauseMs = 200

async function syncOne(client: Client, wanted: WantedSchedule, isPaused: boolean, isListed: boolean): Promise<Change> {
  for (let attempt = 1; ; attempt++) {
    // Most that the list lacks are not there; one that is, is asked for after all.
    const existing = isListed || attempt > 1 ? await describe(client, wanted.scheduleId) : null
    if (existing) return await bringInLine(client, existing, wanted, isPaused)
    const state = isPaused ? { paused: true, note: pauseNote } : { paused: false }
    try {
      await client.schedule.create({ ...wanted, state })
      return 'created'
    } catch (error) {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error
      if (attempt === attempts) throw neitherThereNorNot(wanted.scheduleId, error)
      if (attempt > 1) await sleep(pauseMs)
    }
  }
}

function neitherThereNorNot(scheduleId: string, cause: unknown): MillcourseError {
  return new MillcourseError('TEMPORAL_UNREACHABLE', `Temporal neither tells of ${scheduleId} nor lets it be made`, {
    cause,
    hint: 'it may be ending: wait a minute; if it stays, see: temporal schedule describe',
    facts: { scheduleId },
  })
}

async function bringInLine(
  client: Client,
  existing: ScheduleDescription,
  wanted: WantedSchedule,
  isPaused: boolean,
): Promise<Change> {
  const state = nextState(existing.state, isPaused)
  if (isSame(existing, wanted) && existing.state.paused === state.paused) return 'unchanged'
  const { scheduleId: _, memo: __, ...options } = wanted
  await client.schedule.getHandle(wanted.scheduleId).update(() => ({ ...options, state }))
  return 'updated'
}

/** As far as the list tells: somebody may have taken a hand to it. */
function isListedSame(summary: ScheduleSummary, wanted: WantedSchedule, isPaused: boolean): boolean {
  return (
    summary.action?.workflowType === wanted.action.workflowType &&
    JSON.stringify(specOf(summary.spec)) === JSON.stringify(specOf(wanted.spec)) &&
    summary.state.paused === nextState(summary.state, isPaused).paused
  )
}

function markOf({ server, isPaused }: SyncRequest, wanted: WantedSchedule): string {
  return createHash('sha256')
    .update(JSON.stringify([server, isPaused, saidOf(wanted)]))
    .digest('hex')
}
