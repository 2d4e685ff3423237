/** Why a run ended as the incident says that names it: a message says more than that something failed, was held or not ready. */
import { whyText } from '../cli/commands/run-summary.js'
import type { LedgerReader } from '../core/ports/ledger.js'
import type { IncidentDraft, IncidentRule } from '../core/watch/index.js'

/** Of one message; the run's own screen has the rest. */
const causeMax = 600
/** Those whose run has ended, and says why. */
const explained: ReadonlySet<IncidentRule> = new Set(['failed', 'schema_change', 'held', 'not_ready'] as const)

/** Asks the ledger for a run once, not at every look: why it ended so does not change. */
export class FirstCauses {
  #known = new Map<string, string | null>()

  constructor(private readonly ledger: Pick<LedgerReader, 'run'>) {}

  async addTo(drafts: readonly IncidentDraft[]): Promise<IncidentDraft[]> {
    const asked = new Map<string, string | null>()
    const told: IncidentDraft[] = []
    for (const draft of drafts) {
      const { run } = draft.facts
      if (typeof run !== 'string' || !explained.has(draft.rule)) {
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
    const run = await this.ledger.run(runId)
    return (run && whyText(run).slice(0, causeMax)) || null
  }
}
