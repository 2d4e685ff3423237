/** Why the run failed that a failure's incident names, so that its message says more than a code. */
import type { LedgerReader } from '../core/ports/ledger.js'
import type { IncidentDraft } from '../core/watch/index.js'

/** Of one message; the run's own screen has the rest. */
const causeMax = 600

/** Asks the ledger for a run once, not at every look: what it failed of does not change. */
export class FirstCauses {
  #known = new Map<string, string | null>()

  constructor(private readonly ledger: Pick<LedgerReader, 'run'>) {}

  async addTo(drafts: readonly IncidentDraft[]): Promise<IncidentDraft[]> {
    const asked = new Map<string, string | null>()
    const told: IncidentDraft[] = []
    for (const draft of drafts) {
      const { run, code } = draft.facts
      if (typeof run !== 'string' || code === undefined) {
        told.push(draft)
        continue
      }
      const cause = asked.get(run) ?? this.#known.get(run) ?? (await this.#read(run))
      asked.set(run, cause)
      told.push(cause === null ? draft : { ...draft, facts: { ...draft.facts, firstCause: cause } })
    }
    // Of runs that no incident names any more nothing is kept.
    this.#known = asked
    return told
  }

  async #read(runId: string): Promise<string | null> {
    const error = (await this.ledger.run(runId))?.error
    return error ? `${error.code} in step ${error.step}: ${error.message}`.slice(0, causeMax) : null
  }
}
