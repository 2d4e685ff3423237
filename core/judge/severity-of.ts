import type { FeatureSeverity, LimitSeverities } from '../define/definitions.js'

/** Of one limit among those that stand together. */
export function severityOf<Limit extends string, Severity extends FeatureSeverity>(
  { severity, severities }: LimitSeverities<Limit, Severity>,
  limit: Limit,
): Severity | 'hold' {
  return severities?.[limit] ?? severity ?? 'hold'
}
