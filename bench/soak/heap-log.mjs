/**
 * Loaded before a process of the product (`node --import`): says each ten seconds, in bytes, what its resident memory is made of, right after a whole
 * collection, so that what is left is what is kept. What is neither heap nor external is native: the engine, Temporal's core, the allocator's own.
 */
import { appendFileSync } from 'node:fs'
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { isMainThread } from 'node:worker_threads'

if (isMainThread && process.env.SOAK_HEAP_LOG) {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc')
  const say = () => {
    collect()
    const spaces = Object.fromEntries(
      getHeapSpaceStatistics().map(({ space_name, space_used_size }) => [space_name, space_used_size]),
    )
    const line = JSON.stringify({ at: new Date().toISOString(), pid: process.pid, ...process.memoryUsage(), spaces })
    appendFileSync(process.env.SOAK_HEAP_LOG, `${line}\n`)
  }
  setInterval(say, 10_000).unref()
}
