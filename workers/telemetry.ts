/** The telemetry of one process, from its configuration. */
import { readFileSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '../activities/activity-deps.js'
import { createProcessTelemetry, type ProcessTelemetry } from '../adapters/telemetry/process-telemetry.js'
import type { ProcessName } from '../core/measure/index.js'
import type { Config } from './config.js'
import { packageRoot } from './stack-package.js'

/** A collector that is away fails every few seconds. */
const complainEveryMs = 60_000

export function openTelemetry(process: ProcessName, config: Config, log: Log): ProcessTelemetry {
  let complainedAtMs = Number.NEGATIVE_INFINITY
  const telemetry = createProcessTelemetry({
    process,
    project: config.project,
    release: release(),
    instance: config.worker.identity,
    isTracing: config.telemetry.isTracing,
    onTraceFailure: (error) => {
      if (performance.now() - complainedAtMs < complainEveryMs) return
      complainedAtMs = performance.now()
      log.warn({ error }, 'spans could not be sent; they are lost, nothing else is')
    },
  })
  if (process === 'worker')
    telemetry.beforeScrape(async () =>
      telemetry.show('millcourse_engine_spill_bytes', [{ labels: {}, value: await sizeOf(config.engine.spillDir) }]),
    )
  return telemetry
}

function release(): string {
  return (JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string }).version
}

/** Files come and go while they are counted. */
async function sizeOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const sizes = entries
    .filter((entry) => entry.isFile())
    .map(async (entry) => (await stat(join(entry.parentPath ?? entry.path, entry.name)).catch(() => null))?.size ?? 0)
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}
