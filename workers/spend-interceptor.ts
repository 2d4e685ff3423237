/** Around each attempt of each step: whose what it spends is. A run's is in the ledger when the run's end is. */
import type { ActivityExecuteInput, ActivityInterceptorsFactory } from '@temporalio/worker'
import type { SpendingWork } from '../core/measure/index.js'
import type { SpendBook, Spender } from './spend-book.js'

type ActivityInfo = Parameters<ActivityInterceptorsFactory>[0]['info']

/** Activity -> what it is a part of; those of a run are a backfill's where one started it. */
const works: Readonly<Record<string, SpendingWork>> = {
  planTick: 'tick',
  applyDecision: 'decision',
  publishView: 'publish',
  planQuality: 'check',
  checkView: 'check',
  repairView: 'check',
  planCompaction: 'compaction',
  compactSpan: 'compaction',
  removeFiles: 'compaction',
  planBackfill: 'backfill',
  openBackfill: 'backfill',
  takeBackfillTurn: 'backfill',
  publishBackfill: 'backfill',
  endBackfill: 'backfill',
}
const lastSteps: ReadonlySet<string> = new Set(['recordRun', 'recordFailure'])

export function spendInterceptor(book: {
  readonly book: SpendBook
  readonly tell: () => Promise<void>
}): ActivityInterceptorsFactory {
  return ({ info }) => ({
    inbound: {
      execute: async (input, next) => {
        const result = await book.book.run(spenderOf(info, input), () => next(input))
        if (lastSteps.has(info.activityType)) await book.tell()
        return result
      },
    },
  })
}

interface Named {
  readonly runId?: string
  readonly view?: string
  readonly version?: number
  readonly kind?: string
  readonly replans?: number
  readonly backfillId?: string
  readonly backfill?: { readonly backfillId: string }
}

export function spenderOf(
  { activityType, workflowExecution }: Pick<ActivityInfo, 'activityType' | 'workflowExecution'>,
  { args }: Pick<ActivityExecuteInput, 'args'>,
): Spender {
  const outer = (args[0] ?? {}) as Named & { readonly input?: Named }
  const named = outer.view === undefined ? { ...outer, ...outer.input } : outer
  const { view = '', version = 0 } = named
  const work = works[activityType]
  const backfillId = named.backfillId ?? named.backfill?.backfillId ?? null
  if (work !== undefined)
    return { view, version, work, subject: backfillId ?? workflowExecution?.workflowId ?? '', backfillId }
  // Until a run is planned its input does not say its id, which is the workflow's (activities/run-id.ts).
  const id = workflowExecution?.runId ?? ''
  const subject = named.runId ?? (named.replans ? `${id}.${named.replans + 1}` : id)
  return { view, version, work: backfillId === null ? 'run' : 'backfill', subject, backfillId }
}
