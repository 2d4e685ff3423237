/**
 * One backfill, from its first run to its publish (R34): a bounded number of runs at a time, each a child of the name that its interval has.
 * What is next, and whether it is paused or cancelled, is the ledger's word, asked for a turn at a time; a signal only says to ask now. So
 * nothing is lost with a worker, and a workflow that was lost altogether is started anew: by whoever is queued behind it, by a word to it, or
 * by the view's next tick.
 */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common'
import {
  allHandlersFinished,
  CancellationScope,
  ChildWorkflowFailure,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  getExternalWorkflowHandle,
  ParentClosePolicy,
  setHandler,
  sleep,
  startChild,
  WorkflowIdReusePolicy,
  workflowInfo,
} from '@temporalio/workflow'
import type { BackfillError, BackfillTurn, TurnCounts } from '../activities/backfill-steps.js'
import {
  type BackfillCounts,
  type BackfillInput,
  backfillMessages,
  backfillWorkflowId,
  runPriority,
  runWorkflowId,
} from '../core/ports/run-control.js'
import { startBackfillRuns } from './backfill-start.js'
import { firstCause } from './first-cause.js'
import { proxySteps } from './proxy-activities.js'
import { run } from './run.js'
import { noteEnd, searchPairs } from './search-attributes.js'

export interface BackfillResult {
  readonly state: string
}

/** Intervals of a turn: a pause or a new worker's code waits for no more than those under way. */
const intervalsPerTurn = 100
/** Turns of one execution, and parts that it publishes, so that its history stays short and a new worker's code is soon taken up. */
const turnsMax = 10
const partsMax = 5
const askAgainAfterMs = 15 * 60_000
/** Between two parts of its publish, longer than a waiting publish sleeps. */
const betweenPartsMs = 2_500
const joinMsMin = 2_000
const joinMsMax = 60_000

type Steps = ReturnType<typeof proxySteps>
type Waiting = Extract<BackfillTurn, { kind: 'wait' }>
type DueInterval = Extract<BackfillTurn, { kind: 'run' }>['intervals'][number]

export async function backfill(input: BackfillInput): Promise<BackfillResult> {
  const work = new Work(input)
  setHandler(defineSignal(backfillMessages.wake), () => work.wake())
  setHandler(defineQuery<BackfillCounts>(backfillMessages.counts), () => work.counts())
  CancellationScope.current().cancelRequested.catch(() => work.cancel())
  // Cancelled by Temporal's own means it ends as by ours: runs under way finish, and what was committed is published.
  const end = await CancellationScope.nonCancellable(() => work.untilEnd())
  if (end === 'again') {
    await CancellationScope.nonCancellable(() => condition(allHandlersFinished))
    // The next execution is not cancelled by Temporal: nobody else would tell it.
    return await continueAsNew<typeof backfill>(work.isCancelled ? { ...input, isCancelled: true } : input)
  }
  noteEnd(input.labels, { kind: 'backfill', outcome: end.state })
  return end
}

class Work {
  private isWoken = false
  isCancelled: boolean
  private known: TurnCounts = { total: 0, done: 0, failed: 0, held: 0, left: 0, msPerInterval: null }
  private running = 0
  private readonly steps: Steps

  constructor(private readonly input: BackfillInput) {
    this.isCancelled = input.isCancelled ?? false
    this.steps = proxySteps(input.heartbeatMs)
  }

  wake(): void {
    this.isWoken = true
  }

  cancel(): void {
    this.isCancelled = true
    this.isWoken = true
  }

  counts(): BackfillCounts {
    const { total, done, failed, held, left, msPerInterval } = this.known
    const toCome = left + this.running
    const etaMs = msPerInterval === null || toCome === 0 ? null : msPerInterval * toCome
    return { total, done, failed, held, running: this.running, left, etaMs }
  }

  async untilEnd(): Promise<BackfillResult | 'again'> {
    const { backfillId } = this.input
    for (let turns = 0; ; turns++) {
      if (turns >= turnsMax || workflowInfo().continueAsNewSuggested) return 'again'
      this.isWoken = this.isCancelled
      const { isCancelled } = this
      const turn = await this.steps.takeBackfillTurn({ backfillId, max: intervalsPerTurn, isCancelled })
      this.known = turn.counts
      if (turn.kind === 'finish') break
      if (turn.kind === 'run') await this.runTurn(turn.intervals)
      else await this.wait(turn)
    }
    const error = await this.publish()
    if (error === 'again') return 'again'
    const { state, next = [] } = await this.steps.endBackfill({ backfillId, error })
    await Promise.all(next.map((one) => this.wakeNext(one)))
    return { state }
  }

  /** Whom it waits for may have been lost, by whatever view and version: it is started anew, and so ends. */
  private async wait({ lookAfter = [], askAgainMs = askAgainAfterMs }: Waiting): Promise<void> {
    await Promise.all(lookAfter.map((one) => this.startLost(one)))
    await condition(() => this.isWoken, askAgainMs)
  }

  private async startLost(one: BackfillInput): Promise<'started' | 'joined'> {
    const { heartbeatMs } = this.input
    return await startBackfillRuns({ ...one, ...(heartbeatMs === undefined ? {} : { heartbeatMs }) })
  }

  /** A workflow that was lost is started; one that waits looks whether its turn has come. */
  private async wakeNext(next: BackfillInput): Promise<void> {
    if ((await this.startLost(next)) === 'started') return
    // It has ended between: by the ledger there is nothing left to wake.
    await getExternalWorkflowHandle(backfillWorkflowId(next))
      .signal(backfillMessages.wake)
      .catch(() => {})
  }

  private async runTurn(intervals: readonly DueInterval[]): Promise<void> {
    const queue = [...intervals]
    let isStopped = false
    const lane = async (): Promise<void> => {
      while (!this.isWoken && !isStopped) {
        const next = queue.shift()
        if (next === undefined) return
        const outcome = await this.runOne(next)
        if (outcome === 'failed' && this.input.isStopping) isStopped = true
      }
    }
    await Promise.all(Array.from({ length: this.input.atOnce }, lane))
  }

  /** Null: it was woken before the run could begin. */
  private async runOne(interval: DueInterval): Promise<keyof typeof counted | null> {
    const { view, version, backfillId, now, labels, heartbeatMs } = this.input
    const { start, end, isForced } = interval
    const priorityKey = runPriority.backfill
    const input = {
      ...{ view, version, interval: { start, end }, kind: 'backfill' as const, now },
      backfill: { backfillId, isForced },
      ...(labels ? { labels } : {}),
      ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
    }
    for (let pauseMs = joinMsMin; ; pauseMs = Math.min(2 * pauseMs, joinMsMax)) {
      try {
        const child = await startChild(run, {
          workflowId: runWorkflowId(this.input, start),
          args: [input],
          // A run under way commits its interval, whatever becomes of its parent.
          parentClosePolicy: ParentClosePolicy.ABANDON,
          workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
          ...(priorityKey ? { priority: { priorityKey } } : {}),
          ...(labels ? { typedSearchAttributes: searchPairs(labels, { kind: 'backfill', start }) } : {}),
        })
        this.begin()
        return this.end(outcomeOf(await child.result().catch(failedChild)))
      } catch (error) {
        // A run of somebody else's: it is waited for; ours then finds its inputs unchanged, or does what that one could not.
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error
        if (await condition(() => this.isWoken, pauseMs)) return null
      }
    }
  }

  private begin(): void {
    this.running++
    this.known = { ...this.known, left: this.known.left - 1 }
  }

  private end(outcome: keyof typeof counted): keyof typeof counted {
    this.running--
    const field = counted[outcome]
    this.known = { ...this.known, [field]: this.known[field] + 1 }
    return outcome
  }

  /** In parts, between which the lease is free. What it could not carry online, the view's next publish does. */
  private async publish(): Promise<BackfillError | null | 'again'> {
    const { backfillId, view, version } = this.input
    try {
      for (let parts = 1; ; parts++) {
        const { isLeft } = await this.steps.publishBackfill({ backfillId, view, version })
        if (!isLeft) return null
        await sleep(betweenPartsMs)
        // Its next turn finds nothing to run, and goes on here.
        if (parts >= partsMax) return 'again'
      }
    } catch (error) {
      const cause = firstCause(error, 'publish')
      if (cause === null) throw error
      return { code: cause.code, message: cause.message }
    }
  }
}

const counted = { done: 'done', held: 'held', failed: 'failed' } as const

function outcomeOf({ outcome }: { readonly outcome: string }): keyof typeof counted {
  return outcome === 'held' ? 'held' : outcome === 'not-ready' || outcome === 'failed' ? 'failed' : 'done'
}

/** The ledger has its cause. */
function failedChild(error: unknown): { readonly outcome: 'failed' } {
  if (error instanceof ChildWorkflowFailure) return { outcome: 'failed' }
  throw error
}
