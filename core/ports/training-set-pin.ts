/** Training sets as the ledger knows them: what they keep in the lake. */
import type { Instant } from '../time/instant.js'
import type { TrainingMode } from '../training/set-state.js'

/** A set, and how long the lake files it was made of stay where they are. */
export interface PinnedTrainingSet {
  /** `trainingSetId` of core/training. */
  readonly setId: string
  readonly mode: TrainingMode
  /** sha256 of the spine, hex. */
  readonly spineDigest: string
  readonly by: string
  readonly createdAt: Instant
  readonly expiresAt: Instant
}

export interface TrainingSetPin extends Omit<PinnedTrainingSet, 'createdAt' | 'expiresAt'> {
  /** Below the lake's root. */
  readonly paths: readonly string[]
  readonly keepMs: number
}
