/**
 * What becomes of a candidate by what was found (R26, R35). A feature is held alone where nothing speaks against the rest, and where
 * leaving it out takes back nothing: an interval whose accepted version has the feature keeps that version, as while any other run of it is
 * held (R37).
 */
import type { HeldFeatures } from '../compute/feature-groups.js'
import type { FeatureViewDefinition } from '../define/definitions.js'
import type { Finding, Verdict } from './verdict.js'

export interface HoldableFeatures {
  /** Of the view, in its order. */
  readonly all: readonly string[]
  readonly alone: readonly string[]
}

export const noneHoldable: HoldableFeatures = { all: [], alone: [] }

/** @param current the version of the interval that counts now; null: there is none */
export function holdableFeatures(
  { features }: Pick<FeatureViewDefinition, 'features'>,
  current: { readonly held?: HeldFeatures } | null,
): HoldableFeatures {
  const all = features.map(({ name }) => name)
  if (current === null) return { all, alone: all }
  // A rejected one counts as judged: its windows have gone on without it, and do not go back (R29).
  return { all, alone: current.held?.isRejected === false ? current.held.features : [] }
}

export function decideFindings(findings: readonly Finding[], { all, alone }: HoldableFeatures): Verdict {
  const failing = new Set(
    findings.flatMap(({ severity, feature, features }) =>
      severity === 'hold-feature' ? [...(feature === null ? [] : [feature]), ...(features ?? [])] : [],
    ),
  )
  const isHeld =
    findings.some(({ severity }) => severity === 'hold') || [...failing].some((feature) => !alone.includes(feature))
  if (isHeld) return { decision: 'hold', findings }
  if (failing.size === 0) return { decision: 'publish', findings }
  const heldFeatures = all.filter((feature) => failing.has(feature))
  // Nothing would be left to commit.
  return heldFeatures.length === all.length
    ? { decision: 'hold', findings }
    : { decision: 'publish', findings, heldFeatures }
}
