/** A small known set about the process itself, under the names that Prometheus's own clients use. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { ProcessName } from '../../core/measure/index.js'
import type { ScrapedMetrics } from './scraped-metrics.js'

/** Returns what stops the sampling. */
export function readProcess(metrics: ScrapedMetrics, name: ProcessName, release: string): () => void {
  const startedAtSeconds = Date.now() / 1_000 - process.uptime()
  const lag = monitorEventLoopDelay({ resolution: 20 })
  lag.enable()
  let cpuSecondsBefore = 0
  const one = (value: number) => [{ labels: {}, value }]
  metrics.beforeScrape(() => {
    const { user, system } = process.cpuUsage()
    const cpuSeconds = (user + system) / 1e6
    metrics.count('process_cpu_seconds_total', {}, cpuSeconds - cpuSecondsBefore)
    cpuSecondsBefore = cpuSeconds
    const { rss, heapUsed } = process.memoryUsage()
    metrics.show('process_resident_memory_bytes', one(rss))
    metrics.show('nodejs_heap_used_bytes', one(heapUsed))
    metrics.show('process_start_time_seconds', one(startedAtSeconds))
    // Node measures the whole pause between two samples, the sample's own 20 ms included; before the first one it has no percentile.
    metrics.show('nodejs_eventloop_lag_p99_seconds', one(Math.max(0, lag.percentile(99) / 1e9 - 0.02)))
    lag.reset()
    metrics.show('millcourse_build_info', [{ labels: { process: name, release, node: process.version }, value: 1 }])
  })
  return () => lag.disable()
}
