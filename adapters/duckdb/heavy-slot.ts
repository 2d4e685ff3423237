import type { CancelSignal } from '../../core/ports/cancel-signal.js'

/** One holder at a time, in the order they came; who is cancelled while waiting leaves the queue. */
export class HeavySlot {
  #tail: Promise<void> = Promise.resolve()

  /** Resolves with the release, to be called once. Rejects with the signal's reason. */
  async take(signal?: CancelSignal): Promise<() => void> {
    const before = this.#tail
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    this.#tail = before.then(() => held)
    try {
      await untilAborted(before, signal)
    } catch (error) {
      release()
      throw error
    }
    return release
  }
}

function untilAborted(turn: Promise<void>, signal: CancelSignal | undefined): Promise<void> {
  if (!signal) return turn
  return new Promise((resolve, reject) => {
    const abort = () => reject((signal as { readonly reason?: unknown }).reason ?? new Error('cancelled'))
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort)
    turn.then(() => {
      signal.removeEventListener('abort', abort)
      resolve()
    })
  })
}
