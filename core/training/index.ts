/** What a training set is made of, its id, and what of it has changed since (docs/training-sets.md). */
export {
  changedIntervals,
  type ManifestView,
  type PinnedCommit,
  type PinnedCompaction,
  parseManifest,
  type SetGaps,
  type TrainingManifest,
  trainingSetId,
} from './manifest.js'
export { type FeatureReads, pathsReadFor, readsOf } from './manifest-reads.js'
export { neededCommits } from './needed-commits.js'
export { areWholeStates, planPublishedReads, type StateRead } from './published-reads.js'
export type {
  PublishHistory,
  SpineTimes,
  StateCommit,
  StatePublish,
  TrainingMode,
} from './set-state.js'
export { reachedIntervals, setGaps, stateGaps } from './state-gaps.js'
