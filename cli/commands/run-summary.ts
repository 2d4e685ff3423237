/** A run as lists show it. */

import type { RunRecord } from '../../core/ports/ledger.js'
import type { WaitedFor } from '../../core/ports/waited-for.js'
import { formatInstant } from '../../core/time/instant.js'
import { toIsoInterval } from '../../core/time/interval.js'
import { formatFinding } from '../output/finding-text.js'

export type RunSummary = ReturnType<typeof runSummary>

export function runSummary(run: RunRecord) {
  return {
    run: run.runId,
    view: run.view,
    version: run.version,
    ...toIsoInterval(run.interval),
    kind: run.kind,
    number: run.number,
    outcome: run.outcome,
    startedAt: formatInstant(run.startedAt),
    endedAt: run.endedAt === null ? null : formatInstant(run.endedAt),
    rows: run.candidate?.counts.kept ?? null,
    keysPublished: run.keyCounts?.published ?? null,
    error: run.error,
    ...(run.waitedFor ? { waitedFor: run.waitedFor } : {}),
    findings: run.verdict?.findings ?? [],
    ...(run.verdict?.heldFeatures ? { heldFeatures: run.verdict.heldFeatures } : {}),
    ...(run.detailsRemovedAt === null ? {} : { detailsRemovedAt: formatInstant(run.detailsRemovedAt) }),
  }
}

/**
 * Why a run ended as it did, in one line; empty where all is well. A run that is done for all its error was covered by another publish
 * (R33), which shows its values, or those that replaced them.
 */
export function whyText(run: RunRecord): string {
  if (run.error) {
    const why = `${run.error.code} in ${run.error.step}: ${run.error.message}`
    return run.outcome === 'done' ? `covered by another publish; its own: ${why}` : why
  }
  if (run.waitedFor) return waitedText(run.waitedFor)
  const { findings = [], heldFeatures } = run.verdict ?? {}
  const isHeld = run.outcome === 'held'
  const weighty = findings.filter(({ severity }) => severity === 'hold-feature' || (isHeld && severity === 'hold'))
  const because = isHeld || heldFeatures ? weighty.map(formatFinding).join('; ') : ''
  if (!heldFeatures) return because
  const without = run.outcome === 'accepted' ? 'at first without' : 'without'
  return `${without} ${heldFeatures.join(', ')}: ${because}`
}

/** `date=2001-01-02/_SUCCESS is not there yet (source flights)`. */
export function waitedText({ because, source }: WaitedFor): string {
  return `${because} (source ${source})`
}
