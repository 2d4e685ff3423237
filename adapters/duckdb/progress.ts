import type { DuckDBConnection } from '@duckdb/node-api'

const everyMs = 250

/** While `work` runs a statement, tells how much of it is done, 0 to 1, never less than before; nothing while the engine cannot say. */
export async function tellingProgress<T>(
  connection: DuckDBConnection,
  onProgress: ((done: number) => void) | undefined,
  work: () => Promise<T>,
): Promise<T> {
  if (!onProgress) return await work()
  // Without its bar the engine counts nothing; printed it would come between our lines.
  await connection.run('SET enable_progress_bar = true')
  await connection.run('SET enable_progress_bar_print = false')
  let done = 0
  const timer = setInterval(() => {
    const { percentage } = connection.progress
    if (percentage <= 0) return
    done = Math.max(done, Math.min(1, percentage / 100))
    onProgress(done)
  }, everyMs)
  try {
    return await work()
  } finally {
    clearInterval(timer)
  }
}
