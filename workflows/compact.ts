/** Writes the small files of one view anew as few large ones, then removes what nobody needs any more (docs/compaction.md). */
import { isCancellation } from '@temporalio/workflow'
import type { CompactionPlanResult, CompactSpanResult, RemoveFilesResult } from '../activities/compaction-steps.js'
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
  { view, version, spans, others = [] }: CompactionPlanResult,
): Promise<CompactResult> {
  const steps = proxySteps(heartbeatMs)
  const results: CompactSpanResult[] = []
  const failures: unknown[] = []
  const removals: RemoveFilesResult[] = []
  /** One that fails, span or removal, keeps nothing else from being done; the first is told. */
  const attempt = async <T>(done: T[], step: () => Promise<T>): Promise<void> => {
    try {
      done.push(await step())
    } catch (error) {
      if (isCancellation(error)) throw error
      failures.push(error)
    }
  }
  // One after the other: a worker has one heavy slot, and runs go before.
  for (const one of [{ version, spans }, ...others]) {
    for (const span of one.spans) await attempt(results, () => steps.compactSpan({ view, version: one.version, span }))
    await attempt(removals, () => steps.removeFiles({ view, version: one.version }))
  }
  if (failures.length > 0) throw failures[0]
  const done = results.filter((one) => one.kind === 'compacted')
  return {
    view,
    version,
    compacted: done.length,
    filesBefore: sum(done.map((one) => one.filesBefore)),
    filesAfter: sum(done.map((one) => one.filesAfter)),
    rows: sum(done.map((one) => one.rows)),
    bytesBefore: sum(done.map((one) => one.bytesBefore)),
    bytesAfter: sum(done.map((one) => one.bytesAfter)),
    filesRemoved: sum(removals.map((one) => one.filesRemoved)),
    bytesRemoved: sum(removals.map((one) => one.bytesRemoved)),
    filesMarked: sum(removals.map((one) => one.filesMarked)),
    detailsRemoved: sum(removals.map((one) => one.detailsRemoved ?? 0)),
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0)
}
