/**
 * Items of a sequence that no publish has drawn: somebody else has put them there. Each write of them is refused, that of every successor, too, as
 * these rewrite the keys of what is unfinished: nothing of the version would be published until as many sequences were drawn.
 */
import type { LeaseResult, Publish } from '../core/ports/ledger.js'
import { hexOf } from '../core/quality/index.js'
import type { ActivityDeps } from './activity-deps.js'

/** Sequences are 64-bit integers in the ledger: one beyond this leaves no room to draw on. */
export const sequenceMax = 2n ** 62n

/**
 * Has the next publish draw a sequence above theirs, and gives the lease back. Only of a rebuild, for which a person has asked, and of a table that bears
 * no higher end: else they may be those of a ledger that took this one's place (a restored one draws a million above), by which every write of ours is to be
 * refused.
 * @param refused keys of items
 * @returns `overtaken`: nothing was done, the items may be a successor's
 */
export async function passUndrawn(
  { ledger, online, log, settings }: ActivityDeps,
  { view, version, table, sequence, owner, isRebuild }: Publish,
  refused: readonly Uint8Array[],
): Promise<LeaseResult> {
  if (refused.length === 0) return 'overtaken'
  // Who holds the lease has drawn last.
  if ((await ledger.renewLease({ view, version }, sequence, owner, settings.leaseMs)) === 'overtaken')
    return 'overtaken'
  const items = await online.getItems(table, refused)
  const [first] = items
    .flatMap((item, index) => (item === null ? [] : [{ met: item.sequence, key: hexOf(refused[index]!) }]))
    .sort((a, b) => (a.met > b.met ? -1 : 1))
  if (first === undefined || first.met <= sequence) return 'overtaken'
  const { met, key } = first
  const end = await online.getEnd(table)
  const mayPass = isRebuild === true && met <= sequenceMax && (end === null || end.sequence <= sequence)
  const passed = mayPass ? await ledger.passSequence({ view, version }, sequence, owner, met) : 'overtaken'
  const what =
    passed === 'ok'
      ? 'the rebuild draws one above it'
      : 'nothing is published until a repair (check-quality --repair) draws one above it, or it is deleted'
  log.warn({ view, version, table, key, sequence: String(met) }, `an item bears a sequence that nobody drew: ${what}`)
  return passed
}
