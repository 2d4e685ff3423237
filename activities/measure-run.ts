/** What a run's end adds to the metrics: the same numbers that the ledger keeps of it, counted once. */

import type { RunEnd, RunRecord } from '../core/ports/ledger.js'
import { noTelemetry } from '../core/ports/telemetry.js'
import type { ActivityDeps } from './activity-deps.js'

/** Called for a run's first end only, with the run as it is recorded then. @param outcome the recorded one */
export function measureRun(deps: ActivityDeps, run: RunRecord, outcome: RunEnd['outcome'], { error }: RunEnd): void {
  const { telemetry = noTelemetry } = deps
  const { kind, pins, candidate, measures } = run
  const view = { view: run.view, version: String(run.version) }
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
