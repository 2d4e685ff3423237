/**
 * Loaded before a process of the product (`node --import`), into each of its threads: says each ten seconds, in bytes, what the thread's heap is, right
 * after a whole collection, so that what is left is what is kept, and the main thread what of the process is resident. Workflows run in a thread of
 * their own. What is neither heap nor external is native: the engine, Temporal's core, the allocator's own.
 */
import { appendFileSync } from 'node:fs'
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { threadId } from 'node:worker_threads'

if (process.env.SOAK_HEAP_LOG) {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc')
  const say = () => {
    collect()
    const spaces = Object.fromEntries(
      getHeapSpaceStatistics().map(({ space_name, space_used_size }) => [space_name, space_used_size]),
    )
    const place = { at: new Date().toISOString(), pid: process.pid, thread: threadId }
    appendFileSync(process.env.SOAK_HEAP_LOG, `${JSON.stringify({ ...place, ...process.memoryUsage(), spaces })}\n`)
  }
  setInterval(say, 10_000).unref()
}
