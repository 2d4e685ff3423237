/** Why a run is as the incident says that names it: a message says more than that something failed, was held or not ready, or takes long. */
import { whyText } from '../cli/commands/run-summary.js'
import { workText } from '../cli/run-screen/work-text.js'
import type { LedgerReader, RunRecord } from '../core/ports/ledger.js'
import type { WorkSeen } from '../core/ports/run-control.js'
import type { IncidentDraft, IncidentRule } from '../core/watch/index.js'

/** Of one message; the run's own screen has the rest. */
const causeMax = 600
/** Those whose run has ended, and says why. */
const explained: ReadonlySet<IncidentRule> = new Set(['failed', 'schema_change', 'held', 'not_ready'] as const)

/** What the step of a slow run is at changes: it is asked of so many at each look. */
const slowMax = 20

/** Asks the ledger for a run once, not at every look: why it ended so does not change. */
export class FirstCauses {
  #known = new Map<string, string | null>()

  constructor(
    private readonly ledger: Pick<LedgerReader, 'run'>,
    /** Null: Temporal is not to be asked now. */
    private readonly workOf: (run: RunRecord) => Promise<WorkSeen | null>,
  ) {}

  async addTo(drafts: readonly IncidentDraft[]): Promise<IncidentDraft[]> {
    const asked = new Map<string, string | null>()
    const slow = await this.#slow(drafts)
    const told: IncidentDraft[] = []
    for (const draft of drafts) {
      const { run } = draft.facts
      if (typeof run !== 'string' || !explained.has(draft.rule)) {
        const work = slow.get(draft)
        told.push(work === undefined ? draft : because(draft, work))
        continue
      }
      const cause = asked.get(run) ?? this.#known.get(run) ?? (await this.#read(run))
      asked.set(run, cause)
      told.push(cause === null ? draft : because(draft, cause))
    }
    // Of runs that no incident names any more nothing is kept.
    this.#known = asked
    return told
  }

  /** Without Temporal they are told as slow, and no more. */
  async #slow(drafts: readonly IncidentDraft[]): Promise<Map<IncidentDraft, string>> {
    const found = new Map<IncidentDraft, string>()
    for (const draft of drafts.filter(({ rule }) => rule === 'slow_run').slice(0, slowMax)) {
      const run = await this.ledger.run(String(draft.facts.run))
      if (run === null) continue
      const work = await this.workOf(run).catch(() => null)
      if (work === null) break
      found.set(draft, `its step: ${workText(work)}`.slice(0, causeMax))
    }
    return found
  }

  async #read(runId: string): Promise<string | null> {
    const run = await this.ledger.run(runId)
    return (run && whyText(run).slice(0, causeMax)) || null
  }
}

function because(draft: IncidentDraft, cause: string): IncidentDraft {
  return { ...draft, facts: { ...draft.facts, firstCause: cause } }
}
