/** Do serving, training and the source agree? Keys are drawn, computed again from source rows, and compared (docs/quality-checks.md). */

export {
  carriedFaults,
  fileOfKey,
  type IntervalNow,
  isSameFault,
  judgedAtOf,
  type KeyedFile,
  startsAtFault,
} from './carried-faults.js'
export { drawLots, type ReadLimit } from './draw-lots.js'
export { bytesOfHex, hexOf, type JudgeInput, judgeKeys, type KeyVerdict, type LookedAtKey } from './judge-keys.js'
export { mayBePutBack, putBackFaults } from './put-back-faults.js'
export {
  type Fault,
  type FaultCause,
  type FileFault,
  faultCauses,
  faultsListedMax,
  type Lag,
  type LagCause,
  type QualityCheck,
  sampleDefault,
  sampleMax,
} from './quality-check.js'
export {
  buildCommittedKeysQuery,
  buildKeysQuery,
  buildPublishedKeysQuery,
  drawByChance,
  drawNewestAndOthers,
  seededFraction,
  shuffled,
} from './sample-keys.js'
export { type StandingInterval, standingOf } from './standing.js'
export {
  type AtFault,
  atFault,
  faultsBeyond,
  firstOfEach,
  isRebuildHeld,
  lagsOf,
  mostTelling,
  reachedIn,
  standingFiles,
} from './summaries.js'
export { buildWholeFileQuery, type Verified, type VerifiedInterval, verifyKeys } from './verify-keys.js'
