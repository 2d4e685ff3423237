/** Short words for what backfills do to a ledger; hourly intervals numbered from 0. */
import { type BackfillPlan, defaultPrices, estimateBackfill } from '../../core/plan/index.js'
import type { BackfillRequest } from '../../core/ports/backfill-ledger.js'
import type { LedgerWriter } from '../../core/ports/ledger.js'
import { toIsoInterval } from '../../core/time/interval.js'
import { end, hour, part, pin, view } from './ledger-steps.js'

const options = { order: 'oldest', isForced: false, onFailure: 'continue', atOnce: 2 } as const
export const estimate = estimateBackfill({
  ...{ runs: 1, atOnce: 1, files: 0, fileReads: 0, bytesRead: 0, rows: null, online: null, runMs: null },
  ...{ isLakeInS3: false, prices: defaultPrices, writeUnitsPerSecond: null },
})

export function planOf(planId: string, from: number, to: number): BackfillPlan {
  const intervals = Array.from({ length: to - from }, (_, at) => ({
    ...toIsoInterval(hour(from + at)),
    ...{ need: 'missing' as const, inputsHash: 'i' },
  }))
  const range = toIsoInterval({ start: hour(from).start, end: hour(to).start })
  return { ...view, planId, definitionHash: 'd', range, options, intervals, files: [], estimate, services: [] }
}

export function request(backfillId: string, from: number, to: number): BackfillRequest {
  return {
    ...{
      backfillId,
      plan: planOf(backfillId, from, to),
      limits: { costMax: null, costMaxOfAll: null },
      retryOf: null,
      by: 'ann',
      reason: 'late files',
    },
    pretendedNow: null,
    intervals: Array.from({ length: to - from }, (_, at) => ({ interval: hour(from + at), need: 'missing' as const })),
  }
}

/** As a run of the backfill; `by` null: of a tick. */
export async function commitOf(
  ledger: LedgerWriter,
  by: string | null,
  runId: string,
  index: number,
  heldFeatures: readonly string[] = [],
): Promise<void> {
  const { supersedes } = await pin(ledger, runId, index, by === null ? {} : { backfillId: by, kind: 'backfill' })
  await ledger.commitRun({ runId, data: part(runId), supersedes, heldFeatures })
  await end(ledger, runId, 'committed')
}
