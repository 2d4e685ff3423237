export {
  type LabelsOf,
  type Metric,
  type MetricKind,
  type MetricName,
  metrics,
  type NameOf,
  type ProcessName,
} from './metrics.js'
export { redactSecrets } from './redact-secrets.js'
export { addSpend, nothingSpent, type Spend, type SpendingWork, spendFields, spendingWorks } from './spend.js'
export { withoutHarm } from './without-harm.js'
