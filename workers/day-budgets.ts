/** Budgets of a day, as the watcher judges them: today's, and yesterday's where it was passed while nobody watched. */
import type { IncidentReader } from '../core/ports/incident-ledger.js'
import type { RegistryReader } from '../core/ports/registry.js'
import type { SpendReader } from '../core/ports/spend-ledger.js'
import { addDays, dayOf } from '../core/time/day.js'
import { type Instant, parseInstant } from '../core/time/instant.js'
import { type CalendarEntry, evaluateBudgets, type IncidentDraft } from '../core/watch/index.js'

export class DayBudgets {
  /** Of yesterday; asked of the ledger once. */
  #told = { day: '', keys: new Set<string>() }
  /** By view, as they were when yesterday ended; asked of the registry once. */
  #ended = { day: '', budgets: new Map<string, number>() }

  constructor(
    private readonly ledger: Pick<SpendReader & IncidentReader, 'overBudget' | 'incidentLife'>,
    private readonly registry: Pick<RegistryReader, 'current'>,
  ) {}

  /**
   * A statement for each day, of views that have a budget, whatever is over. What yesterday has passed is found until it was told once, before
   * what today has.
   * @param now by the real clock: that is what money is spent by, whatever time is pretended
   */
  async drafts(calendar: readonly CalendarEntry[], now: Instant): Promise<IncidentDraft[]> {
    const today = dayOf(now)
    const before = await this.#untold(calendar, addDays(today, -1))
    const found = await this.#over(calendar, today)
    return [...before, ...found.filter(({ key }) => !before.some((draft) => draft.key === key))]
  }

  async #untold(calendar: readonly CalendarEntry[], day: string): Promise<IncidentDraft[]> {
    if (this.#told.day !== day) this.#told = { day, keys: new Set() }
    const { keys } = this.#told
    const untold: IncidentDraft[] = []
    for (const draft of await this.#over(await this.#asOf(calendar, day), day)) {
      if (keys.has(draft.key)) continue
      const last = await this.ledger.incidentLife(draft.key)
      if (`${last?.incident.facts.day ?? ''}` < day) untold.push(draft)
      else keys.add(draft.key)
    }
    return untold
  }

  /** Who lowers a budget, or declares one, does not say it of what was spent before; who raises one says it of that, too. */
  async #asOf(calendar: readonly CalendarEntry[], day: string): Promise<CalendarEntry[]> {
    if (calendar.every(({ writeUnitsPerDay = null }) => writeUnitsPerDay === null)) return []
    if (this.#ended.day !== day) {
      const applied = await this.registry.current(parseInstant(`${addDays(day, 1)}T00:00:00Z`))
      const budgets = (applied?.repo.views ?? []).flatMap(({ name, budget }) =>
        budget === undefined ? [] : [[name, budget.writeUnitsPerDay] as const],
      )
      this.#ended = { day, budgets: new Map(budgets) }
    }
    return calendar.flatMap((entry) => {
      const [then, now = null] = [this.#ended.budgets.get(entry.view), entry.writeUnitsPerDay]
      return then === undefined || now === null ? [] : [{ ...entry, writeUnitsPerDay: Math.max(then, now) }]
    })
  }

  async #over(calendar: readonly CalendarEntry[], day: string): Promise<IncidentDraft[]> {
    const budgets = calendar.flatMap(({ view, writeUnitsPerDay = null }) =>
      writeUnitsPerDay === null ? [] : [{ view, writeUnitsPerDay }],
    )
    return budgets.length === 0 ? [] : evaluateBudgets(calendar, await this.ledger.overBudget(day, budgets), day)
  }
}
