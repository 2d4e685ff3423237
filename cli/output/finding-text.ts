import { assertNever } from '../../core/errors.js'
import type { Finding } from '../../core/judge/verdict.js'

/** `delay_avg_24h: null rate 0.42 is above its limit 0.2`. */
export function formatFinding(finding: Finding): string {
  const subject = finding.feature === null ? '' : `${finding.feature}: `
  return `${subject}${whatIsWrong(finding)}`
}

function whatIsWrong({ code, observed, limit }: Finding): string {
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
      return `value ${short(observed)} is below its limit ${limit}`
    case 'value_above':
      return `value ${short(observed)} is above its limit ${limit}`
    default:
      return assertNever(code)
  }
}

function short(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toPrecision(4)
}
