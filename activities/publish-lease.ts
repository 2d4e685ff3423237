import type { LeaseResult, Publish } from '../core/ports/ledger.js'
import type { ActivityDeps } from './activity-deps.js'

/**
 * A publish's lease as its holder sees it (R36): held until so long after the last successful renewal *began*, by the monotonic
 * clock, which runs on while the process is stopped. Postgres alone says who overtook whom; this says when to ask.
 */
export class PublishLease {
  readonly #deps: ActivityDeps
  readonly #publish: Publish
  #renewedAtMs: number
  #isOvertaken = false
  #timer: NodeJS.Timeout | undefined

  /** @param askedAtMs the monotonic time before the ledger was asked for the lease */
  constructor(deps: ActivityDeps, publish: Publish, askedAtMs: number) {
    this.#deps = deps
    this.#publish = publish
    this.#renewedAtMs = askedAtMs
    // Long queries, too, are outlived: a renewal every third of the lease, beside the work.
    this.#timer = setInterval(() => {
      // One that fails is no news: `mayWrite` ends with the lease, and `check` meets the ledger's error itself.
      this.#renew().catch(() => {})
    }, deps.settings.leaseMs / 3)
    this.#timer.unref()
  }

  /** Asked before every write. */
  readonly mayWrite = (): boolean => !this.#isOvertaken && this.#ageMs() < this.#deps.settings.leaseMs

  /** Asked before every part: renews what is older than a third. @throws MillcourseError LEDGER_UNREACHABLE */
  async check(): Promise<LeaseResult> {
    if (!this.#isOvertaken && this.#ageMs() > this.#deps.settings.leaseMs / 3) await this.#renew()
    return this.#isOvertaken ? 'overtaken' : 'ok'
  }

  /** Called once the lease is given back, lost or no longer wanted. */
  stop(): void {
    clearInterval(this.#timer)
  }

  #ageMs(): number {
    return this.#deps.clock.monotonicMs() - this.#renewedAtMs
  }

  async #renew(): Promise<void> {
    const askedAtMs = this.#deps.clock.monotonicMs()
    const { sequence, owner } = this.#publish
    const result = await this.#deps.ledger.renewLease(this.#publish, sequence, owner, this.#deps.settings.leaseMs)
    if (result === 'overtaken') this.#isOvertaken = true
    else this.#renewedAtMs = Math.max(this.#renewedAtMs, askedAtMs)
  }
}
