/** What a run's end adds to the metrics: the same numbers that the ledger keeps of it, counted once. */

import type { RunEnd, RunRecord } from '../core/ports/ledger.js'
import { noTelemetry } from '../core/ports/telemetry.js'
import type { ActivityDeps } from './activity-deps.js'

/** @param before the run as it was before its end was recorded: an end that is recorded again was counted the first time */
export function measureRun(deps: ActivityDeps, before: RunRecord, { outcome, error, measures }: RunEnd): void {
  if (before.outcome !== 'running') return
  const { telemetry = noTelemetry } = deps
  const { kind, pins, candidate } = before
  const view = { view: before.view, version: String(before.version) }
  telemetry.count('millcourse_runs_total', { ...view, kind, outcome })
  if (error && outcome === 'failed')
    telemetry.count('millcourse_run_failures_total', { ...view, step: error.step, code: error.code })
  if (measures) telemetry.observe('millcourse_run_duration_seconds', { ...view, outcome }, measures.durationMs / 1_000)
  if (pins) {
    telemetry.count('millcourse_input_files_total', view, pins.files.length)
    telemetry.count(
      'millcourse_input_bytes_total',
      view,
      pins.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    )
  }
  if (!candidate) return
  const { read, kept, rejected } = candidate.counts
  telemetry.count('millcourse_rows_read_total', view, read)
  telemetry.count('millcourse_rows_kept_total', view, kept)
  for (const [reason, rows] of Object.entries(rejected))
    telemetry.count('millcourse_rows_rejected_total', { ...view, reason }, rows)
  telemetry.count('millcourse_candidate_bytes_total', view, candidate.data?.sizeBytes ?? 0)
}
