/** Writes the small files of one view anew as few large ones, then removes what nobody needs any more (docs/compaction.md). */
import { isCancellation } from '@temporalio/workflow'
import type { CompactionPlanResult, CompactSpanResult } from '../activities/compaction-steps.js'
import type { CompactInput, CompactResult } from '../core/ports/run-control.js'
import { proxySteps } from './proxy-activities.js'
import { notingEnd } from './search-attributes.js'

export async function compact(input: CompactInput): Promise<CompactResult> {
  const plan = await proxySteps(input.heartbeatMs).planCompaction({ view: input.view })
  return notingEnd(
    plan.labels,
    {},
    () => compactAll(input, plan),
    ({ compacted }) => (compacted > 0 ? 'compacted' : 'nothing-due'),
  )
}

async function compactAll(
  { heartbeatMs }: CompactInput,
  { view, version, spans }: CompactionPlanResult,
): Promise<CompactResult> {
  const steps = proxySteps(heartbeatMs)
  const results: CompactSpanResult[] = []
  const failures: unknown[] = []
  // One after the other: a worker has one heavy slot, and runs go before. One that cannot be compacted keeps nothing else from it.
  for (const span of spans)
    try {
      results.push(await steps.compactSpan({ view, version, span }))
    } catch (error) {
      if (isCancellation(error)) throw error
      failures.push(error)
    }
  const removed = await steps.removeFiles({ view, version })
  if (failures.length > 0) throw failures[0]
  const done = results.filter((one) => one.kind === 'compacted')
  const sum = (of: (one: (typeof done)[number]) => number) => done.reduce((all, one) => all + of(one), 0)
  return {
    view,
    version,
    compacted: done.length,
    filesBefore: sum((one) => one.filesBefore),
    filesAfter: sum((one) => one.filesAfter),
    rows: sum((one) => one.rows),
    bytesBefore: sum((one) => one.bytesBefore),
    bytesAfter: sum((one) => one.bytesAfter),
    ...removed,
  }
}
