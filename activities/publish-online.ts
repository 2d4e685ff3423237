/**
 * One publish of a view version (R29, R33, R36): take the lease, fix what is covered → delta → record it → items in key order → the
 * end → finish; a first load makes its table between record and items. Overtaken at any point is an outcome: the successor writes every
 * key that this one may have written.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ViewBundle } from '../core/define/definitions.js'
import { isMillcourseError } from '../core/errors.js'
import type { CancelSignal } from '../core/ports/cancel-signal.js'
import type { OpenPublishRequest, OpenPublishResult, Publish, ViewKey } from '../core/ports/ledger.js'
import { noTelemetry } from '../core/ports/telemetry.js'
import {
  type KeyCounts,
  onlineTableName,
  type PublishedColumns,
  publishedColumns,
  windowReach,
} from '../core/publish/index.js'
import { parseDuration } from '../core/time/duration.js'
import { type Instant, parseInstant } from '../core/time/instant.js'
import { toIsoInterval } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'
import { computeDelta, type Delta, readRecordedDelta } from './publish-delta.js'
import {
  dropTables,
  type GivenUp,
  giveUp,
  giveUpDenied,
  isFirstLoadDenied,
  isTableTaken,
} from './publish-first-load.js'
import { PublishLease } from './publish-lease.js'
import { canUseCache, mergePublishedState, type PublishContext } from './publish-state.js'
import { isNameTaken, makeOwnTable, prepareTable } from './publish-table.js'
import { type PublishCursor, writeDelta } from './publish-write.js'
import { passUndrawn } from './undrawn-sequences.js'

/** One activity attempt, as a publish sees it. */
export interface PublishAttempt {
  readonly workflowRunId: string
  readonly attempt: number
  readonly signal: CancelSignal
  /** How far an earlier attempt got; null: nothing known. */
  readonly cursor: PublishCursor | null
  heartbeat(cursor: PublishCursor | null): void
  /** Absent: of no backfill. */
  readonly backfill?: OpenPublishRequest['backfill']
}

export type PublishOutcome =
  | {
      readonly kind: 'finished'
      readonly endAt: Instant
      readonly keyCounts: KeyCounts
      readonly itemsWritten: number
      readonly coveredCommitIds: readonly bigint[]
    }
  /** No unmarked commit that may be covered, and no unfinished predecessor. */
  | { readonly kind: 'nothing' }
  /** The lease was not to be had in time. */
  | { readonly kind: 'busy' }
  | { readonly kind: 'overtaken' }

/** Whether another publish has met the lease while this one had it. */
type Finished = Extract<PublishOutcome, { kind: 'finished' }> & { readonly isWanted: boolean }
type Published = Exclude<PublishOutcome, { kind: 'finished' }> | Finished

const pollMsMax = 1_000
/** First loads of a version that may record their delta and not finish, before it is loaded under conditions, where it can be continued. */
const firstLoadsMax = 2
/** Items of sequences that nobody drew, each higher than those met before, that one attempt passes. */
const passedTurnsMax = 5
/** So often one publish goes on with what others have committed meanwhile; then the next tick does. */
const othersTurnsMax = 10
/** Names of tables that one attempt tries; more of them taken means that names say nothing here. */
const firstLoadTurnsMax = 5

/** @throws MillcourseError whatever a port throws; the lease is given back before */
export async function publishOnline(
  deps: ActivityDeps,
  bundle: ViewBundle,
  attempt: PublishAttempt,
): Promise<PublishOutcome> {
  const { telemetry = noTelemetry } = deps
  const view = { view: bundle.view.name, version: String(bundle.view.version) }
  const startedAtMs = deps.clock.monotonicMs()
  let outcome: PublishOutcome['kind'] | 'failed' = 'failed'
  try {
    const published = await openAndPublish(deps, bundle, attempt)
    outcome = published.kind
    if (published.kind === 'finished') {
      const seconds = (deps.clock.monotonicMs() - startedAtMs) / 1_000
      telemetry.observe('millcourse_publish_duration_seconds', view, seconds)
      telemetry.count('millcourse_items_unchanged_total', view, published.keyCounts.unchanged)
      deps.spending?.add({ keysUnchanged: published.keyCounts.unchanged })
    }
    return published
  } finally {
    telemetry.count('millcourse_publishes_total', { ...view, outcome })
  }
}

/**
 * With what others have committed meanwhile and could not publish, because the lease was not given back in time: nobody else would carry
 * it before the next tick. Of a backfill's own commits none: they have their parts (R34).
 */
async function openAndPublish(
  deps: ActivityDeps,
  bundle: ViewBundle,
  attempt: PublishAttempt,
): Promise<PublishOutcome> {
  const others: PublishAttempt = { ...attempt, backfill: undefined, cursor: null }
  const unwaiting: ActivityDeps = { ...deps, settings: { ...deps.settings, publishWaitMs: 0 } }
  const { name: view, version } = bundle.view
  let published = await publishOnce(deps, bundle, attempt)
  for (let turn = 0; published.kind === 'finished' && published.isWanted && turn < othersTurnsMax; turn++) {
    const next = await publishOnce(unwaiting, bundle, others).catch((error: Error) => {
      // Its own is online. What keeps the others from it is met by the next publish of the view, and told there.
      deps.log.warn({ view, version, error: error.message }, 'what was committed meanwhile is left to the next publish')
      return null
    })
    if (next?.kind !== 'finished') break
    published = together(published, next)
  }
  if (published.kind !== 'finished') return published
  const { isWanted: _, ...outcome } = published
  return outcome
}

function together(first: Finished, next: Finished): Finished {
  const sum = (name: keyof KeyCounts) => first.keyCounts[name] + next.keyCounts[name]
  return {
    ...next,
    keyCounts: {
      ...{ touched: sum('touched'), published: sum('published'), unchanged: sum('unchanged') },
      ...{ superseded: sum('superseded'), takenBack: sum('takenBack'), rewritten: sum('rewritten') },
    },
    itemsWritten: first.itemsWritten + next.itemsWritten,
    coveredCommitIds: [...first.coveredCommitIds, ...next.coveredCommitIds],
  }
}

async function publishOnce(deps: ActivityDeps, bundle: ViewBundle, attempt: PublishAttempt): Promise<Published> {
  let isFirstLoadAllowed = true
  for (let turn = 0; ; turn++) {
    const loadsMax = isFirstLoadAllowed && turn < firstLoadTurnsMax ? firstLoadsMax : 0
    const opened = await openPublish(deps, bundle, attempt, loadsMax)
    if (opened.kind !== 'open') return opened
    try {
      const outcome = await runPublish(deps, bundle, attempt, opened)
      if (outcome.kind === 'passed') {
        if (turn >= passedTurnsMax) return { kind: 'overtaken' }
      } else if (outcome.kind === 'given-up') isFirstLoadAllowed = outcome.isFirstLoadAllowed
      else return outcome
    } catch (error) {
      if (!isMillcourseError(error) || error.code !== 'PUBLISH_DELTA_LOST' || opened.publish.recorded === null)
        throw error
      // What was recorded cannot be continued, and its lease was given back: a new publish writes every key.
    }
  }
}

/** To be opened anew, under a sequence above one that was met and nobody drew; the lease was given back. */
interface Passed {
  readonly kind: 'passed'
}

interface Open {
  readonly kind: 'open'
  readonly publish: Publish
  /** Monotonic, before the ledger was asked. */
  readonly askedAtMs: number
}

/** Waits while another publish holds the lease, for as long as a run waits (R33). */
async function openPublish(
  deps: ActivityDeps,
  { view }: ViewBundle,
  attempt: PublishAttempt,
  firstLoadsMax: number,
): Promise<Open | Extract<PublishOutcome, { kind: 'nothing' | 'busy' }>> {
  const startedAtMs = deps.clock.monotonicMs()
  for (;;) {
    const askedAtMs = deps.clock.monotonicMs()
    const result: OpenPublishResult = await deps.ledger.openPublish({
      view: view.name,
      version: view.version,
      owner: `${attempt.workflowRunId}/${attempt.attempt}`,
      workflowRunId: attempt.workflowRunId,
      table: onlineTableName(deps.settings.project, view.name, view.version),
      firstLoadsMax,
      leaseMs: deps.settings.leaseMs,
      window: windowReach(view),
      since: parseInstant(view.since),
      everyNs: parseDuration(view.every),
      ...(attempt.backfill ? { backfill: attempt.backfill } : {}),
    })
    if (result.kind === 'nothing') return { kind: 'nothing' }
    if (result.kind !== 'busy') return { kind: 'open', publish: result.publish, askedAtMs }
    const leftMs = deps.settings.publishWaitMs - (deps.clock.monotonicMs() - startedAtMs)
    if (leftMs <= 0) return { kind: 'busy' }
    attempt.heartbeat(attempt.cursor)
    // Given back early more often than left to expire: asked again well before.
    await sleep(Math.min(leftMs, Math.max(result.expiresInMs, 50), pollMsMax * (0.5 + Math.random() / 2)))
    if (attempt.signal.aborted) throw (attempt.signal as { readonly reason?: unknown }).reason
  }
}

async function runPublish(
  deps: ActivityDeps,
  bundle: ViewBundle,
  attempt: PublishAttempt,
  { publish, askedAtMs }: Open,
): Promise<Published | GivenUp | Passed> {
  const key: ViewKey = { view: publish.view, version: publish.version }
  const lease = new PublishLease(deps, publish, askedAtMs)
  try {
    const outcome = await publishDelta({ deps, bundle, columns: columnsOf(bundle, publish), publish }, attempt, lease)
    if (outcome.kind === 'finished') await dropTables(deps, publish, publish.abandonedTables)
    // Overtaken, it has not finished, and by the ledger that overtook it never will: its successor may have been here already.
    if (outcome.kind === 'overtaken' && publish.isFirstLoad) await dropTables(deps, publish, [publish.table])
    return outcome
  } catch (error) {
    if (await isTableTaken(deps, publish, error)) return { kind: 'overtaken' }
    if (isFirstLoadDenied(publish, error)) return await giveUpDenied(deps, publish, error)
    // The publish stays unfinished, its keys are rewritten by its successor; an error here would hide the cause.
    await deps.ledger.releaseLease(key, publish.sequence, publish.owner).catch(() => {})
    throw error
  } finally {
    lease.stop()
  }
}

/** R35: of a lookup view values of older rows are told apart. */
function columnsOf(bundle: ViewBundle, { current }: Publish): PublishedColumns {
  const isHolding = bundle.view.viewKind === 'lookup' && current.some(({ held }) => held !== undefined)
  return { ...publishedColumns(bundle), ...(isHolding ? { isHolding } : {}) }
}

async function publishDelta(
  parts: Omit<PublishContext, 'isCacheUsable'>,
  attempt: PublishAttempt,
  lease: PublishLease,
): Promise<Published | GivenUp | Passed> {
  const { deps, bundle, publish } = parts
  if (publish.isFirstLoad && (await isNameTaken(deps, publish)))
    return await giveUp(deps, publish, 'a table of that name is there already, which this ledger has not made')
  const ready = publish.isFirstLoad ? null : await prepareTable(deps, bundle, publish)
  const context = { ...parts, isCacheUsable: ready !== null && (await canUseCache(deps, publish, ready.identity)) }
  const delta = await recordedDelta(context, attempt)
  if (delta === 'overtaken') return { kind: 'overtaken' }
  const table = ready ?? (await makeOwnTable(deps, bundle, publish))
  if ('kind' in table) return table
  const isContinued = attempt.cursor?.sequence === publish.sequence.toString()
  const written = await writeDelta(context, delta, lease, {
    from: isContinued ? attempt.cursor!.items : 0,
    signal: attempt.signal,
    by: attempt.backfill ? 'backfill' : 'scheduled',
    heartbeat: attempt.heartbeat,
  })
  if (written.result === 'unknown')
    return await giveUp(deps, publish, 'the answer to a write was lost, and it may still land')
  if (written.result === 'overtaken')
    return { kind: (await passUndrawn(deps, publish, written.refused)) === 'ok' ? 'passed' : 'overtaken' }
  if ((await lease.check()) === 'overtaken') return { kind: 'overtaken' }
  const end = {
    ...{ sequence: publish.sequence, endAt: publish.endAt, missing: publish.missing.map(toIsoInterval) },
    ...(publish.held ? { held: publish.held } : {}),
  }
  if ((await deps.online.putEnd(publish.table, end)) === 'refused') return { kind: 'overtaken' }
  const newBase = await mergePublishedState(context, delta)
  // Of a continued publish all its items, whichever attempt wrote them.
  const itemsWritten = delta.file.keys
  const finish = { keyCounts: delta.counts, itemsWritten, tableIdentity: table.identity, newBase }
  const finished = await deps.ledger.finishPublish(publish, publish.sequence, publish.owner, finish)
  if (finished === 'overtaken') return { kind: 'overtaken' }
  return {
    ...{ kind: 'finished', isWanted: finished === 'wanted' },
    endAt: publish.endAt,
    keyCounts: delta.counts,
    itemsWritten,
    coveredCommitIds: publish.covered.map(({ commitId }) => commitId),
  }
}

/** The delta in the ledger: an earlier attempt's, or computed and recorded now, before the first online write (R36). */
async function recordedDelta(context: PublishContext, attempt: PublishAttempt): Promise<Delta | 'overtaken'> {
  const { deps, publish } = context
  if (publish.recorded !== null) return await readRecordedDelta(context, publish.recorded)
  const delta = await computeDelta(context, attempt.signal)
  const recorded = await deps.ledger.recordDelta(publish, publish.sequence, publish.owner, delta.file)
  return recorded === 'ok' ? delta : 'overtaken'
}
