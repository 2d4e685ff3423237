import type { FeatureSeverity, LimitSeverities, ViewChecks, ViewDrift } from '../define/definitions.js'
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

/** Each limit that a view or a feature may declare: what is found where it is passed, and what of `measureDrift` it bounds. */
const everyLimit = {
  ofView: {
    volumeChangeMax: { code: 'rows_drifted', measure: 'volume' },
    cardinalityChangeMax: { code: 'keys_drifted', measure: 'keys' },
  },
  ofFeature: {
    sigmaMax: { code: 'mean_drifted', measure: 'sigma' },
    nullRateChangeMax: { code: 'null_rate_drifted', measure: 'nullRate' },
    psiMax: { code: 'distribution_drifted', measure: 'psi' },
    cardinalityChangeMax: { code: 'cardinality_drifted', measure: 'cardinality' },
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, Limit<string>>>>>

type Rule<Name extends string> = { readonly [One in Name]?: number } & LimitSeverities<Name, FeatureSeverity> &
  Pick<ViewDrift, 'historyMin'>

interface Limit<Measure extends string> {
  readonly code: Finding['code']
  readonly measure: Measure
}

function declaredLimits(run: ProfilePart, checks: ViewChecks, baseline: Baseline): DeclaredLimit[] {
  const found = measureDrift(run, baseline)
  return [
    ...declaredOf(everyLimit.ofView, null, checks.drift, found),
    ...run.profile.columns.flatMap(({ feature }) =>
      declaredOf(everyLimit.ofFeature, feature, checks.features[feature]?.drift, found.features[feature]),
    ),
  ]
}

/** Nothing where nothing is declared, or nothing can be measured: a feature that is no column. */
function declaredOf<Name extends string, Measure extends string>(
  table: Readonly<Record<Name, Limit<Measure>>>,
  feature: string | null,
  rule: Rule<NoInfer<Name>> | undefined,
  found: Readonly<Record<NoInfer<Measure>, Drifted | null>> | undefined,
): DeclaredLimit[] {
  if (!rule || !found) return []
  return (Object.keys(table) as Name[]).flatMap((name) => {
    const limit = rule[name]
    if (limit === undefined) return []
    const { code, measure } = table[name]
    const [severity, drifted] = [severityOf(rule, name), found[measure]]
    return [{ code, feature, limit, severity, historyMin: rule.historyMin, drifted }]
  })
}
