import { MillcourseError } from '../../core/errors.js'
import type { Backfill } from '../../core/ports/backfill-ledger.js'
import type { ShownProgress } from '../backfill-screen/status-text.js'
import type { CliContext } from '../context.js'
import { awaitedRepair } from './awaited-repair.js'

/** By its id, or the beginning of it. @throws MillcourseError BACKFILL_UNKNOWN */
export async function findBackfill(context: CliContext, id: string): Promise<Backfill> {
  const ledger = await context.ledger()
  const exact = await ledger.backfill(id)
  if (exact !== null) return exact
  const found = id === '' ? [] : await ledger.backfills({ idPrefix: id, limit: 5 })
  if (found.length === 1) return found[0]!
  const [what, hint] =
    found.length === 0
      ? [`the ledger has no backfill "${id}"`, 'millcourse backfill status lists them']
      : [
          `"${id}" begins several backfills`,
          `write more of it: ${found.map(({ backfillId }) => backfillId).join(', ')}`,
        ]
  throw new MillcourseError('BACKFILL_UNKNOWN', what, { hint, facts: { backfill: id } })
}

/** Of an offline view nothing awaits a publish. @throws MillcourseError REGISTRY_UNKNOWN_VIEW */
export async function readProgress(context: CliContext, backfill: Backfill): Promise<ShownProgress> {
  const [ledger, registry] = [await context.ledger(), await context.registry()]
  const progress = await ledger.backfillProgress(backfill.backfillId)
  const awaits = await awaitedRepair(context, backfill, progress)
  const shown = { ...progress, ...(awaits ? { awaitsRepair: awaits } : {}) }
  const { online } = (await registry.view(backfill.view, backfill.version)).view
  return online ? shown : { ...shown, unpublished: 0, isOffline: true }
}
