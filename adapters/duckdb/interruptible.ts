import type { DuckDBConnection } from '@duckdb/node-api'
import type { CancelSignal } from '../../core/ports/cancel-signal.js'

/** The statements that `work` has under way end when the signal is aborted. */
export async function interruptible<T>(
  connection: DuckDBConnection,
  signal: CancelSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  throwIfAborted(signal)
  let timer: NodeJS.Timeout | undefined
  // An interrupt that comes before the statement has begun is lost, so it is repeated until the statement has ended.
  const interrupt = () => {
    connection.interrupt()
    timer = setTimeout(interrupt, 20)
  }
  signal?.addEventListener('abort', interrupt)
  try {
    return await work()
  } finally {
    signal?.removeEventListener('abort', interrupt)
    clearTimeout(timer)
  }
}

/** Throws what the signal was aborted with. */
export function throwIfAborted(signal: CancelSignal | undefined): void {
  if (signal?.aborted) throw (signal as { readonly reason?: unknown }).reason ?? new Error('cancelled')
}
