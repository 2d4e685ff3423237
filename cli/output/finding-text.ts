import { assertNever } from '../../core/errors.js'
import type { Finding } from '../../core/judge/verdict.js'

/** `delay_avg_24h: null rate 0.42 is above its limit 0.2`. */
export function formatFinding(finding: Finding): string {
  const subject = finding.feature === null ? '' : `${finding.feature}: `
  return `${subject}${whatIsWrong(finding)}`
}

function whatIsWrong(finding: Finding): string {
  const { code, observed, limit } = finding
  switch (code) {
    case 'rows_below':
      return `${observed} rows are fewer than ${limit}`
    case 'rows_above':
      return `${observed} rows are more than ${limit}`
    case 'null_rate_above':
      return `null rate ${short(observed)} is above its limit ${limit}`
    case 'rejected_rate_above':
      return `rate of rejected rows ${short(observed)} is above its limit ${limit}`
    case 'duplicate_rate_above':
      return `rate of duplicate rows ${short(observed)} is above its limit ${limit}`
    case 'value_below':
      return `value ${extreme(observed)} is below its limit ${limit}`
    case 'value_above':
      return `value ${extreme(observed)} is above its limit ${limit}`
    case 'rows_drifted':
      return `rows ${movedBy(finding)}`
    case 'keys_drifted':
      return `distinct keys ${movedBy(finding)}`
    case 'cardinality_drifted':
      return `distinct values ${movedBy(finding)}`
    case 'mean_drifted':
      return `mean moved by ${times(observed)} deviations${fromTo(finding)}, limit ${limit}${comparedWith(finding)}`
    case 'null_rate_drifted':
      return `null rate changed by ${short(observed)}${fromTo(finding)}, limit ${limit}${comparedWith(finding)}`
    case 'distribution_drifted':
      return `stability index ${times(observed)} is above its limit ${limit}${comparedWith(finding)}`
    case 'own_check_failed':
      return `check ${finding.check}: ${observed} bad rows are more than ${limit}${examplesOf(finding)}`
    case 'own_check_unanswered':
      return `check ${finding.check} has no answer: ${finding.why}`
    default:
      return assertNever(code)
  }
}

function examplesOf({ examples = [] }: Finding): string {
  return examples.length === 0 ? '' : `, such as ${examples.join(', ')}`
}

function movedBy(finding: Finding): string {
  const { observed, limit } = finding
  const change = observed === Number.MAX_VALUE ? 'changed from none' : `changed by ${short(observed * 100)} %`
  return `${change}${fromTo(finding)}, limit ${short(limit * 100)} %${comparedWith(finding)}`
}

function fromTo({ baseline }: Finding): string {
  if (!baseline || baseline.was === null || baseline.is === null) return ''
  return ` (${short(baseline.was)} → ${short(baseline.is)})`
}

/** `, against 12 runs of the same hour of the week`. */
function comparedWith({ baseline }: Finding): string {
  if (!baseline) return ''
  const kinds = {
    'hour-of-week': 'of the same hour of the week',
    'hour-of-day': 'of the same hour of the day',
    week: 'of the last 7 days',
  }
  return `, against ${baseline.runs} runs ${kinds[baseline.kind]}`
}

/** The largest number stands for what has no bound. */
function times(value: number): string {
  return value === Number.MAX_VALUE ? 'any number of' : short(value)
}

/** R20: NaN is above every limit. */
function extreme(value: number): string {
  if (Math.abs(value) < Number.MAX_VALUE) return short(value)
  return value > 0 ? '(NaN or infinity)' : '(-infinity)'
}

function short(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toPrecision(4)
}
