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

export interface Judged {
  readonly findings: readonly Finding[]
  /** False: a limit of drift says nothing, for too little history or too few values. Of an empty interval only its rows are asked for (R24). */
  readonly isAnswered: boolean
}

/** A value equal to its limit passes (R26). @param historyMin of checks that do not say it */
export function judgeDrift(run: ProfilePart, checks: ViewChecks, baseline: Baseline, historyMin: number): Judged {
  const limits = declaredLimits(run, checks, baseline).map(({ drifted, rule, ...one }) => ({
    ...one,
    severity: rule.severity ?? 'hold',
    drifted: baseline.weekRuns < (rule.historyMin ?? historyMin) ? null : drifted,
  }))
  const isEmpty = run.profile.rowsKept === 0
  return {
    findings: limits.flatMap(({ code, severity, feature, limit, drifted }) => {
      if (drifted === null || drifted.observed <= limit) return []
      const { observed, was, is, runs } = drifted
      return [{ code, severity, feature, observed, limit, baseline: { kind: baseline.kind, runs, was, is } }]
    }),
    isAnswered: limits.every(({ code, drifted }) => drifted !== null || (isEmpty && code !== 'rows_drifted')),
  }
}

interface DeclaredLimit {
  readonly code: Finding['code']
  /** Null: of the view. */
  readonly feature: string | null
  readonly rule: FeatureDrift | ViewDrift
  readonly limit: number
  /** What the run shows of it. */
  readonly drifted: Drifted | null
}

function declaredLimits(run: ProfilePart, checks: ViewChecks, baseline: Baseline): DeclaredLimit[] {
  const drift = measureDrift(run, baseline)
  const declare = (
    rule: FeatureDrift | ViewDrift,
    feature: string | null,
    code: Finding['code'],
    drifted: Drifted | null,
    limit: number | undefined,
  ): DeclaredLimit[] => (limit === undefined ? [] : [{ code, feature, rule, limit, drifted }])
  const { drift: view = {} } = checks
  return [
    ...declare(view, null, 'rows_drifted', drift.volume, view.volumeChangeMax),
    ...declare(view, null, 'keys_drifted', drift.keys, view.cardinalityChangeMax),
    ...run.profile.columns.flatMap(({ feature }) => {
      const rule = checks.features[feature]?.drift
      const found = drift.features[feature]
      if (!rule || !found) return []
      return [
        ...declare(rule, feature, 'mean_drifted', found.sigma, rule.sigmaMax),
        ...declare(rule, feature, 'null_rate_drifted', found.nullRate, rule.nullRateChangeMax),
        ...declare(rule, feature, 'distribution_drifted', found.psi, rule.psiMax),
        ...declare(rule, feature, 'cardinality_drifted', found.cardinality, rule.cardinalityChangeMax),
      ]
    }),
  ]
}
