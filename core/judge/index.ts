/** Profile → verdict. */
export {
  type BaselineKind,
  baselineRanges,
  baselineReachNs,
  type ChosenBaseline,
  chooseBaseline,
  goodOutcomes,
  historyMinOf,
} from './baseline.js'
export { decideFindings, type HoldableFeatures, holdableFeatures } from './decide-findings.js'
export { decodeDistinct, distinctOf, mergeDistinct } from './distinct-sketch.js'
export { decodeHistogram, mergeHistograms, quantileOf } from './histogram.js'
export { driftAsked, judgeDrift } from './judge-drift.js'
export { judgeProfile, type Past } from './judge-profile.js'
export { type Baseline, type Drift, measureDrift } from './measure-drift.js'
export { type MergedColumn, type MergedProfile, mergeProfiles, type ProfilePart } from './merge-profiles.js'
export { populationStability } from './population-stability.js'
export { buildProfileQueries, emptyProfile, type ProfileQueries, profileFrom } from './profile-query.js'
export { compareProfiles, type ProfileShift } from './profile-shifts.js'
export { columnAt, type QualityPoint, qualityPoints } from './quality-points.js'
export { type PastProfile, type Replay, replayChecks } from './replay-checks.js'
export { type Sketched, sketchesFrom } from './sketch-query.js'
export type { ColumnProfile, Finding, OwnAnswer, Profile, ProfileSketches, Verdict } from './verdict.js'
export { withoutHeld } from './without-held.js'
