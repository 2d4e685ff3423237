/**
 * What the watcher saw of each view at its last look. Of hundreds of views few change between two looks: only those whose mark is another are
 * read again, and each in its turn, so that whatever no mark tells is seen, too.
 */
import type { LedgerReader } from '../core/ports/ledger.js'
import type { Instant } from '../core/time/instant.js'
import { type CalendarEntry, sinceHorizon, viewLabel } from '../core/watch/index.js'
import type { ViewLook } from './watch-readings.js'

interface Seen {
  readonly mark: string | undefined
  readonly looks: readonly ViewLook[]
}

/** So many looks see each view at least once: ten minutes at the usual pace. */
const turns = 40

export class SeenViews {
  #seen = new Map<string, Seen>()
  #looks = 0

  constructor(private readonly ledger: Pick<LedgerReader, 'watchMarks'>) {}

  /** @param horizon of intervals that ended before only those stay in sight of which something is still to be done */
  async look(
    calendar: readonly CalendarEntry[],
    horizon: Instant,
    read: (entry: CalendarEntry) => Promise<ViewLook[]>,
  ): Promise<ViewLook[]> {
    // Before the views are read: what changes while they are is seen at the next look.
    const found = await this.ledger.watchMarks(calendar)
    const marks = new Map(found.map((one) => [viewLabel(one), one.mark]))
    const seen = new Map<string, Seen>()
    this.#looks += 1
    for (const [place, entry] of calendar.entries()) {
      const label = viewLabel(entry)
      const [before, mark] = [this.#seen.get(label), marks.get(label)]
      const isTurn = place % turns === this.#looks % turns
      // One of which nothing was due yet may have something due by now; one that is to be online now has what no publish has shown.
      const isAlike = before?.looks[0]?.entry.isOnline === entry.isOnline
      const isStill = before !== undefined && isAlike && before.mark === mark && !isTurn
      const looks = isStill ? before.looks.map((look) => since(look, entry, horizon)) : await read(entry)
      seen.set(label, { mark, looks })
    }
    this.#seen = seen
    return [...seen.values()].flatMap(({ looks }) => looks)
  }
}

function since(look: ViewLook, entry: CalendarEntry, horizon: Instant): ViewLook {
  return { ...look, entry, ...sinceHorizon(look, horizon) }
}
