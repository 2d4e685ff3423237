/** The last checks of quality as gauges: a cause that is found no more shows 0, a version that is checked no more shows nothing. */
import type { Telemetry } from '../core/ports/telemetry.js'
import { faultCauses, type QualityCheck } from '../core/quality/quality-check.js'
import { parseInstant } from '../core/time/instant.js'

export function showQuality(telemetry: Telemetry, checks: readonly QualityCheck[]): void {
  const labelled = checks.map((check) => ({ check, labels: { view: check.view, version: String(check.version) } }))
  telemetry.show(
    'millcourse_quality_faults',
    labelled.flatMap(({ check, labels }) =>
      faultCauses.map((cause) => ({
        labels: { ...labels, cause },
        value: check.faults.filter((fault) => fault.cause === cause).length,
      })),
    ),
  )
  telemetry.show(
    'millcourse_quality_last_check_timestamp_seconds',
    labelled.map(({ check, labels }) => ({
      labels,
      value: Number(parseInstant(check.checkedAt) / 1_000_000n) / 1_000,
    })),
  )
}
