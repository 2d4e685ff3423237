/**
 * Loaded before a process of the product (`node --import`): says each five seconds, in bytes, what its resident memory is made of. What is neither
 * heap nor external is native: the engine, Temporal's core, the allocator's own.
 */
import { appendFileSync } from 'node:fs'
import { getHeapSpaceStatistics } from 'node:v8'
import { isMainThread } from 'node:worker_threads'

if (isMainThread && process.env.SOAK_HEAP_LOG) {
  const say = () => {
    const spaces = Object.fromEntries(
      getHeapSpaceStatistics().map(({ space_name, space_used_size }) => [space_name, space_used_size]),
    )
    const line = JSON.stringify({ at: new Date().toISOString(), pid: process.pid, ...process.memoryUsage(), spaces })
    appendFileSync(process.env.SOAK_HEAP_LOG, `${line}\n`)
  }
  setInterval(say, 5_000).unref()
}
