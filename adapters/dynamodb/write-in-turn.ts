/** Many requests in flight over one list of items: what the writers under conditions and those without have in common. */

import type { PutOutcome, WriteOptions } from '../../core/ports/online-store.js'
import type { OnlineItem } from '../../core/publish/online-item.js'
import { type BatchedItem, takeBatch } from './take-batch.js'

export interface WriteTurns {
  readonly concurrency: number
  /** Asked anew for each batch. */
  readonly itemsMax: () => number
  /** What it does not settle counts as refused: the lease is gone. */
  readonly write: (
    batch: readonly BatchedItem[],
    mayWrite: () => boolean,
    settle: (index: number, outcome: PutOutcome) => void,
  ) => Promise<void>
}

/** The first failure ends all and is thrown once the last request under way is answered. */
export async function writeInTurn(
  items: readonly OnlineItem[],
  options: WriteOptions,
  { concurrency, itemsMax, write }: WriteTurns,
): Promise<PutOutcome[]> {
  const mayWrite = () => options.signal?.aborted !== true && (options.mayWrite?.() ?? true)
  const outcomes = new Array<PutOutcome>(items.length).fill('refused')
  let next = 0
  let acknowledged = 0
  let failure: unknown = null
  const settle = (index: number, outcome: PutOutcome): void => {
    outcomes[index] = outcome
  }
  const writeOn = async (): Promise<void> => {
    while (next < items.length && failure === null && mayWrite()) {
      const batch = takeBatch(items, next, itemsMax())
      next += batch.length
      await write(batch, mayWrite, settle)
      const before = acknowledged
      while (acknowledged < items.length && outcomes[acknowledged] === 'written') acknowledged++
      if (acknowledged > before) options.onWritten?.(acknowledged)
    }
  }
  const writers = Array.from({ length: Math.min(concurrency, items.length) }, () =>
    writeOn().catch((error: unknown) => {
      failure ??= error
    }),
  )
  await Promise.all(writers)
  if (failure !== null) throw failure
  return outcomes
}
