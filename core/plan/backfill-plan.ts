/**
 * What a backfill would do, as data: one reader prints it with its price, the other carries it out. Its id is a digest of all that
 * decides what is done, so whoever starts a plan by its id does exactly what was shown, or is told what has moved.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import type { IsoInterval } from '../time/interval.js'
import type { BackfillEstimate } from './backfill-estimate.js'
import type { CostAwaits } from './cost-limits.js'
import { hasOtherFiles, needsRun } from './interval-need.js'
import type { IntervalState } from './interval-state.js'

export type BackfillNeed =
  | 'missing' // never ran, or no run of it came to an end
  | 'running' // a run is under way: it is waited for, then looked at again
  | 'failed'
  | 'reopened'
  | 'changed' // its files are others than those of its latest run (R27)
  | 'forced' // done, and asked for all the same
  | 'held' // awaits a decision (R37): not run
  | 'done' // not run

export interface BackfillOptions {
  readonly order: 'oldest' | 'newest'
  /** What is done runs again, too. */
  readonly isForced: boolean
  readonly onFailure: 'continue' | 'stop'
  /** Runs under way at a time. */
  readonly atOnce: number
}

export interface PlannedInterval extends IsoInterval {
  readonly need: BackfillNeed
  /** Of the files that are there now (R27). */
  readonly inputsHash: string
}

export interface PlannedFile {
  readonly uri: string
  readonly etag: string
}

export interface PlanContent {
  readonly view: string
  readonly version: number
  readonly definitionHash: string
  readonly range: IsoInterval
  readonly options: BackfillOptions
  /** A backfill whose failed intervals it runs again. Absent: all of the range. */
  readonly retryOf?: string
  /** All of the range, or of a retry those that failed, oldest first. */
  readonly intervals: readonly PlannedInterval[]
  /** Of the intervals that run, in byte order. */
  readonly files: readonly PlannedFile[]
}

export interface BackfillPlan extends PlanContent {
  readonly planId: string
  readonly estimate: BackfillEstimate
  /** That use a feature of the view. */
  readonly services: readonly string[]
  /** As they were when it was planned; `costMax` is that of the one it retries. Absent: a release planned it that did not say. */
  readonly limits?: Omit<CostAwaits, 'isUnknown'>
}

/** R27, R37: asked for by a range, as with `materialize`; what is held waits for a decision unless its files are others. */
export function backfillNeed(
  state: IntervalState | undefined,
  context: { readonly definitionHash: string; readonly inputsHash: string; readonly isForced: boolean },
): BackfillNeed {
  if (state === undefined) return 'missing'
  const { latestRun, committed, reopenedBecause } = state
  if (latestRun?.outcome === 'running') return 'running'
  if (reopenedBecause !== null) return 'reopened'
  if (hasOtherFiles(state, context)) return latestRun?.outcome === 'failed' ? 'failed' : 'changed'
  if (latestRun?.outcome === 'held') return 'held'
  if (!needsRun(state, { ...context, isAsked: true })) return context.isForced ? 'forced' : 'done'
  if (latestRun?.outcome === 'failed') return 'failed'
  return committed === null ? 'missing' : 'reopened'
}

export function runsNow({ need }: { readonly need: BackfillNeed }): boolean {
  return need !== 'held' && need !== 'done'
}

/** Those that run, in the order in which they begin. */
export function intervalsToRun({ intervals, options }: Pick<PlanContent, 'intervals' | 'options'>): PlannedInterval[] {
  const due = intervals.filter(runsNow)
  return options.order === 'newest' ? due.reverse() : due
}

const idDigits = 12

export function backfillPlanId(content: PlanContent): string {
  const { view, version, definitionHash, range, options, intervals, files, retryOf } = content
  const { order, isForced, onFailure, atOnce } = options
  const decisive = [
    ...[view, version, definitionHash, range.start, range.end, order, isForced, onFailure, atOnce],
    intervals.map(({ start, need, inputsHash }) => [start, need, inputsHash]),
    files.map(({ uri, etag }) => [uri, etag]),
    ...(retryOf === undefined ? [] : [retryOf]),
  ]
  return bytesToHex(sha256(utf8ToBytes(JSON.stringify(decisive)))).slice(0, idDigits)
}

/** What differs between a plan and the same question asked now, in sentences, the definition first. */
export function planChanges(was: PlanContent, is: PlanContent): string[] {
  const before = new Map(was.files.map(({ uri, etag }) => [uri, etag]))
  const after = new Map(is.files.map(({ uri, etag }) => [uri, etag]))
  const needs = new Map(was.intervals.map((one) => [one.start, one]))
  const stands = (need: BackfillNeed) => (need === 'forced' ? 'done' : need)
  return [
    ...(was.definitionHash === is.definitionHash ? [] : [`the definition of ${is.view} was changed`]),
    ...is.intervals.flatMap(({ start, need }) => {
      const planned = needs.get(start)
      return planned && planned.need !== need ? [`${start} was ${stands(planned.need)}, is ${stands(need)}`] : []
    }),
    ...[...after].filter(([uri]) => !before.has(uri)).map(([uri]) => `${uri} is new`),
    ...[...after]
      .filter(([uri, etag]) => before.has(uri) && before.get(uri) !== etag)
      .map(([uri]) => `${uri} was replaced`),
    ...[...before].filter(([uri]) => !after.has(uri)).map(([uri]) => `${uri} is no longer among its files`),
    ...is.intervals.flatMap(({ start, inputsHash }) =>
      needs.has(start) && needs.get(start)!.inputsHash !== inputsHash ? [`files of ${start} are others`] : [],
    ),
  ]
}
