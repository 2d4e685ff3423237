/** The small engine by which a drill makes deliveries and computes what they should have become. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createDuckdbEngine } from '../../adapters/duckdb/duckdb-query-engine.js'
import type { DrillStack } from './drill-stack.js'

export async function openDrillEngine(dir: string): Promise<DrillStack['engine']> {
  const spillDir = join(dir, 'spill')
  await mkdir(spillDir, { recursive: true })
  return createDuckdbEngine({ memoryLimitMb: 256, spillMaxMb: 1_024, spillDir, threads: 1 })
}
