import type { FeatureCheck, OwnCheck, ViewChecks } from '../define/definitions.js'
import { decideFindings, noneHoldable } from './decide-findings.js'
import { type Judged, judgeDrift } from './judge-drift.js'
import type { Baseline } from './measure-drift.js'
import { severityOf } from './severity-of.js'
import type { ColumnProfile, Finding, OwnAnswer, Profile, ProfileSketches, Verdict } from './verdict.js'

/** What drift is judged by. */
export interface Past {
  /** Of the candidate. */
  readonly sketches: ProfileSketches | null
  readonly baseline: Baseline
  /** Of checks that do not say it. */
  readonly historyMin: number
}

/**
 * The verdict on a candidate by its profile. A value equal to its limit passes (R26); an empty interval has no rates (R24).
 * No feature is held alone by it: whether one may be `decideFindings` says of its findings.
 * @param past null: drift is not judged
 */
export function judgeProfile(profile: Profile, checks: ViewChecks, past: Past | null = null): Verdict {
  return decideFindings(judgeChecks(profile, checks, past).findings, noneHoldable)
}

/** What speaks against a candidate. @param past null: drift is not judged */
export function judgeChecks(profile: Profile, checks: ViewChecks, past: Past | null): Judged {
  const drift = past && judgeDrift({ profile, sketches: past.sketches }, checks, past.baseline, past.historyMin)
  return {
    findings: [
      ...judgeRows(profile, checks),
      ...profile.columns.flatMap((column) => judgeFeature(column, checks.features[column.feature] ?? {})),
      ...Object.entries(checks.own ?? {}).flatMap(([name, check]) => judgeOwn(name, check, profile.own?.[name])),
      ...(drift?.findings ?? []),
    ],
    isAnswered: drift?.isAnswered ?? true,
  }
}

function judgeRows(profile: Profile, checks: ViewChecks): Finding[] {
  const { rowsRead, rowsKept, nullKeys, nullEventTimes, duplicateRows } = profile
  const { rejectedRateSeverity = 'hold', duplicateRateSeverity = 'hold' } = checks
  const rows = checks.rows ?? {}
  const rejectedRate = rowsRead > 0 ? (nullKeys + nullEventTimes) / rowsRead : null
  const duplicateRate = rowsKept > 0 ? duplicateRows / rowsKept : null
  return [
    below('rows_below', severityOf(rows, 'min'), null, rowsKept, rows.min),
    above('rows_above', severityOf(rows, 'max'), null, rowsKept, rows.max),
    above('rejected_rate_above', rejectedRateSeverity, null, rejectedRate, checks.rejectedRateMax),
    above('duplicate_rate_above', duplicateRateSeverity, null, duplicateRate, checks.duplicateRateMax),
  ].flat()
}

function judgeFeature(column: ColumnProfile, check: FeatureCheck): Finding[] {
  const { feature, values, nulls, nans, min, max } = column
  const rows = values + nulls
  return [
    above(
      'null_rate_above',
      severityOf(check, 'nullRateMax'),
      feature,
      rows > 0 ? nulls / rows : null,
      check.nullRateMax,
    ),
    below('value_below', severityOf(check, 'min'), feature, min, check.min),
    // R20: NaN ranks above every number, so above every limit.
    above('value_above', severityOf(check, 'max'), feature, nans > 0 ? Number.MAX_VALUE : max, check.max),
  ].flat()
}

/** A check that could not be answered has not passed. One that was declared after the rows were computed has not been asked. */
function judgeOwn(name: string, check: OwnCheck, answer: OwnAnswer | undefined): Finding[] {
  if (!answer) return []
  const { max = 0, severity = 'hold', features } = check
  const about = { severity, feature: null, limit: max, check: name, ...(features === undefined ? {} : { features }) }
  if (answer.rows === null) return [{ code: 'own_check_unanswered', observed: 0, ...about, why: answer.why }]
  if (answer.rows <= max) return []
  return [{ code: 'own_check_failed', observed: answer.rows, ...about, examples: answer.examples }]
}

type Limit = number | null | undefined

function above(
  code: Finding['code'],
  severity: Finding['severity'],
  feature: string | null,
  observed: number | null,
  limit: Limit,
): Finding[] {
  return observed !== null && limit != null && observed > limit ? [{ code, severity, feature, observed, limit }] : []
}

function below(
  code: Finding['code'],
  severity: Finding['severity'],
  feature: string | null,
  observed: number | null,
  limit: Limit,
): Finding[] {
  return observed !== null && limit != null && observed < limit ? [{ code, severity, feature, observed, limit }] : []
}
