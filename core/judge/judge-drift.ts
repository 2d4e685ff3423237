import type { FeatureDrift, ViewChecks, ViewDrift } from '../define/definitions.js'
import { type Baseline, type Drifted, measureDrift } from './measure-drift.js'
import type { ProfilePart } from './merge-profiles.js'
import type { Finding } from './verdict.js'

/** Whether a baseline is of use to these checks; `sketches`: whether theirs, too. */
export function driftAsked({ drift, features }: ViewChecks): { readonly any: boolean; readonly sketches: boolean } {
  const ofFeatures = Object.values(features).flatMap((check) => check.drift ?? [])
  return {
    any: drift !== undefined || ofFeatures.length > 0,
    sketches: ofFeatures.some(({ psiMax }) => psiMax !== undefined),
  }
}

/** A value equal to its limit passes (R26); with less history than a check asks for, it says nothing. @param historyMin of those that do not say it */
export function judgeDrift(run: ProfilePart, checks: ViewChecks, baseline: Baseline, historyMin: number): Finding[] {
  const drift = measureDrift(run, baseline)
  const judge = (
    rule: FeatureDrift | ViewDrift,
    feature: string | null,
    code: Finding['code'],
    drifted: Drifted | null | undefined,
    limit: number | undefined,
  ): Finding[] => {
    if (!drifted || limit === undefined || baseline.weekRuns < (rule.historyMin ?? historyMin)) return []
    const { observed, was, is, runs } = drifted
    if (observed <= limit) return []
    const severity = rule.severity ?? 'hold'
    return [{ code, severity, feature, observed, limit, baseline: { kind: baseline.kind, runs, was, is } }]
  }
  const { drift: view = {} } = checks
  return [
    ...judge(view, null, 'rows_drifted', drift.volume, view.volumeChangeMax),
    ...judge(view, null, 'keys_drifted', drift.keys, view.cardinalityChangeMax),
    ...run.profile.columns.flatMap(({ feature }) => {
      const rule = checks.features[feature]?.drift
      const found = drift.features[feature]
      if (!rule || !found) return []
      return [
        ...judge(rule, feature, 'mean_drifted', found.sigma, rule.sigmaMax),
        ...judge(rule, feature, 'null_rate_drifted', found.nullRate, rule.nullRateChangeMax),
        ...judge(rule, feature, 'distribution_drifted', found.psi, rule.psiMax),
        ...judge(rule, feature, 'cardinality_drifted', found.cardinality, rule.cardinalityChangeMax),
      ]
    }),
  ]
}
