/** What the steps of a backfill hand to each other through Temporal. Frozen by recorded histories: add optional fields only. */
import type { BackfillEnd } from '../core/ports/backfill-ledger.js'
import type { BackfillInput, PlanBackfillInput, StartBackfillInput } from '../core/ports/run-control.js'
import type { IsoInterval } from '../core/time/interval.js'

export type OpenBackfillStep =
  | {
      readonly kind: 'started' | 'queued' | 'joined' | 'awaiting-approval'
      readonly backfill: BackfillInput
      readonly intervals: number
    }
  | { readonly kind: 'nothing-to-run' }

/** As the ledger counts, when the turn was taken. */
export interface TurnCounts {
  readonly total: number
  readonly done: number
  readonly failed: number
  readonly held: number
  readonly left: number
  readonly msPerInterval: number | null
}

export type BackfillTurn = { readonly counts: TurnCounts } & (
  | { readonly kind: 'run'; readonly intervals: readonly (IsoInterval & { readonly isForced: boolean })[] }
  /** Paused, queued, or waiting for approval: until it is woken, or for so long. */
  | {
      readonly kind: 'wait'
      readonly askAgainMs?: number
      /** It waits for these: workflows that are to be started where they were lost. */
      readonly lookAfter?: readonly BackfillInput[]
    }
  /** All have run, it is to be cancelled, or it stops at a failure: what it has committed is published, and it ends. */
  | { readonly kind: 'finish' }
)

export interface BackfillTurnInput {
  readonly backfillId: string
  readonly max: number
  /** Its workflow was asked to stop by Temporal's own means. */
  readonly isCancelled: boolean
}

export interface PublishBackfillInput {
  readonly backfillId: string
  readonly view: string
  readonly version: number
}

export interface BackfillError {
  readonly code: string
  readonly message: string
}

export interface BackfillActivities {
  planBackfill(input: PlanBackfillInput): Promise<{ readonly planId: string }>
  openBackfill(input: StartBackfillInput): Promise<OpenBackfillStep>
  takeBackfillTurn(input: BackfillTurnInput): Promise<BackfillTurn>
  /** One part. `isLeft`: there is more of it to publish. */
  publishBackfill(input: PublishBackfillInput): Promise<{ readonly isLeft: boolean; readonly itemsWritten: number }>
  endBackfill(input: {
    readonly backfillId: string
    readonly error: BackfillError | null
    /** `next`: those that were queued for it, to be woken. */
  }): Promise<{ readonly state: BackfillEnd; readonly next?: readonly BackfillInput[] }>
}
