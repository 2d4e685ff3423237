import type { CancelSignal } from '../../core/ports/cancel-signal.js'

interface Waiting {
  readonly rank: number
  readonly sinceMs: number
  readonly begin: () => void
}

const patienceMsDefault = 10 * 60_000

/**
 * One holder at a time. Of those who wait the one of the lowest rank is next, and of one rank who came first; but whoever has waited for
 * `patienceMs` comes before all ranks, so that none waits for ever. Who is cancelled while waiting leaves the queue.
 */
export class HeavySlot {
  #isTaken = false
  /** In the order they came. */
  readonly #waiting: Waiting[] = []
  readonly #patienceMs: number

  constructor(patienceMs = patienceMsDefault) {
    this.#patienceMs = patienceMs
  }

  /** Resolves with the release, to be called once. Rejects with the signal's reason. */
  async take(rank = 0, signal?: CancelSignal): Promise<() => void> {
    if (signal?.aborted) throw reasonOf(signal)
    if (this.#isTaken) await this.#untilTurn(rank, signal)
    else this.#isTaken = true
    return () => this.#release()
  }

  #release(): void {
    const next = this.#next()
    if (next) this.#leave(next).begin()
    else this.#isTaken = false
  }

  #next(): Waiting | undefined {
    const [first] = this.#waiting
    if (first && performance.now() - first.sinceMs >= this.#patienceMs) return first
    const lowest = Math.min(...this.#waiting.map(({ rank }) => rank))
    return this.#waiting.find(({ rank }) => rank === lowest)
  }

  #leave(one: Waiting): Waiting {
    this.#waiting.splice(this.#waiting.indexOf(one), 1)
    return one
  }

  #untilTurn(rank: number, signal: CancelSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = () => {
        this.#leave(own)
        reject(reasonOf(signal!))
      }
      const own: Waiting = {
        rank,
        sinceMs: performance.now(),
        begin: () => {
          signal?.removeEventListener('abort', cancel)
          resolve()
        },
      }
      this.#waiting.push(own)
      signal?.addEventListener('abort', cancel)
    })
  }
}

function reasonOf(signal: CancelSignal): unknown {
  return (signal as { readonly reason?: unknown }).reason ?? new Error('cancelled')
}
