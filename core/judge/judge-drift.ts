import type { ViewChecks } from '../define/definitions.js'
import { type Baseline, type Drifted, measureDrift } from './measure-drift.js'
import type { ProfilePart } from './merge-profiles.js'
import { severityOf } from './severity-of.js'
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
  const limits = declaredLimits(run, checks, baseline).map(
    ({ drifted, historyMin: declared = historyMin, ...one }) => ({
      ...one,
      drifted: baseline.weekRuns < declared ? null : drifted,
    }),
  )
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
  readonly severity: Finding['severity']
  /** Null: of the view. */
  readonly feature: string | null
  readonly limit: number
  readonly historyMin: number | undefined
  /** What the run shows of it. */
  readonly drifted: Drifted | null
}

function declaredLimits(run: ProfilePart, checks: ViewChecks, baseline: Baseline): DeclaredLimit[] {
  const found = measureDrift(run, baseline)
  const ofView = checks.drift ?? {}
  const viewLimits = [
    { name: 'volumeChangeMax', code: 'rows_drifted', drifted: found.volume },
    { name: 'cardinalityChangeMax', code: 'keys_drifted', drifted: found.keys },
  ] as const
  return [
    ...viewLimits.flatMap(({ name, ...one }) => {
      const limit = ofView[name]
      if (limit === undefined) return []
      return [{ ...one, feature: null, limit, severity: severityOf(ofView, name), historyMin: ofView.historyMin }]
    }),
    ...run.profile.columns.flatMap(({ feature }) => {
      const rule = checks.features[feature]?.drift
      const drift = found.features[feature]
      if (!rule || !drift) return []
      const limits = [
        { name: 'sigmaMax', code: 'mean_drifted', drifted: drift.sigma },
        { name: 'nullRateChangeMax', code: 'null_rate_drifted', drifted: drift.nullRate },
        { name: 'psiMax', code: 'distribution_drifted', drifted: drift.psi },
        { name: 'cardinalityChangeMax', code: 'cardinality_drifted', drifted: drift.cardinality },
      ] as const
      return limits.flatMap(({ name, ...one }) => {
        const limit = rule[name]
        if (limit === undefined) return []
        return [{ ...one, feature, limit, severity: severityOf(rule, name), historyMin: rule.historyMin }]
      })
    }),
  ]
}
