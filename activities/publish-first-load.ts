/**
 * A version's first load is written without conditions into a table of its own (R36): fast, and safe because nobody reads that table
 * before the load is finished, and nobody finishes one of which a write may still be under way. One that cannot be finished is given
 * up, table and all; whoever finishes later drops what was given up.
 */
import { isMillcourseError, type MillcourseError } from '../core/errors.js'
import type { Publish } from '../core/ports/ledger.js'
import type { ActivityDeps } from './activity-deps.js'

/** To be opened anew, under another sequence. */
export interface GivenUp {
  readonly kind: 'given-up'
  /** False: this worker lacks a right for it, and the version is loaded under conditions. */
  readonly isFirstLoadAllowed: boolean
}

export async function giveUp(deps: ActivityDeps, publish: Publish, why: string): Promise<GivenUp> {
  const { owner, sequence, table, version, view } = publish
  deps.log.warn({ view, version, table, why }, 'a first load is given up and begun again in another table')
  await deps.ledger.releaseLease(publish, sequence, owner)
  return { kind: 'given-up', isFirstLoadAllowed: true }
}

export function isFirstLoadDenied({ isFirstLoad }: Publish, error: unknown): error is MillcourseError {
  return isFirstLoad && isMillcourseError(error) && error.code === 'PUBLISH_ACCESS_DENIED'
}

/** A role of an earlier release may publish and not do what first loads alone need: slower is better than not at all. */
export async function giveUpDenied(deps: ActivityDeps, publish: Publish, error: MillcourseError): Promise<GivenUp> {
  const { owner, sequence, table, version, view } = publish
  deps.log.warn(
    { view, version, table, why: error.message, hint: error.detail.hint },
    'a first load was denied; the version is loaded under conditions, which takes longer',
  )
  // One that was never made need not be dropped: that may be denied, too, at each publish to come.
  const isAbsent = await deps.online.describeTable(table).then(
    (found) => found === null,
    () => false,
  )
  if (isAbsent) await deps.ledger.forgetTable(publish, table)
  await deps.ledger.releaseLease(publish, sequence, owner)
  return { kind: 'given-up', isFirstLoadAllowed: false }
}

/**
 * Of first loads that can no longer finish, by the ledger's word of this moment: one that was restored may have taken such a table for the
 * version's, or not know of it. What cannot be dropped now is left to the next publish.
 */
export async function dropTables(deps: ActivityDeps, publish: Publish, tables: readonly string[]): Promise<void> {
  const { view, version } = publish
  for (const table of tables)
    try {
      if (!(await deps.ledger.isTableGivenUp(publish, table))) continue
      // Nobody waits for it to be gone: a batch that still comes meets a table that nobody reads.
      await deps.online.dropTable(table, { isAwaited: false })
      await deps.ledger.forgetTable(publish, table)
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      const hint = isMillcourseError(error) ? error.detail.hint : undefined
      deps.log.warn(
        { view, version, table, why, hint },
        'the table of a first load that was given up could not be dropped',
      )
    }
}

/** Whoever overtook a first load has dropped its table: it meets that before it hears of its lease. */
export async function isTableTaken(deps: ActivityDeps, publish: Publish, error: unknown): Promise<boolean> {
  if (!publish.isFirstLoad || !isMillcourseError(error) || error.code !== 'PUBLISH_TABLE_MISSING') return false
  const { owner, sequence } = publish
  // The ledger alone knows; that it cannot be asked is no reason to hide the first error.
  const lease = await deps.ledger.renewLease(publish, sequence, owner, deps.settings.leaseMs).catch(() => 'ok')
  return lease === 'overtaken'
}
