/** Why a value is what it is: source rows, the recomputation from them, and the causes of every difference (docs/explain.md). */
export {
  type Cause,
  type CauseCode,
  type CauseInput,
  explainCauses,
  type IntervalProblem,
  type Standing,
} from './causes.js'
export { type AnswerTools, answersOfNothing, type PublishedAnswer, publishedAnswers } from './compute-answers.js'
export {
  type Explained,
  type ExplainedAnswer,
  type ExplainedCommit,
  type ExplainInput,
  type ExplainTools,
  explainAnswers,
  type HeldFiles,
  type KeyedRow,
} from './explain-answers.js'
export { createKeys, keyText, type Question, storedKeyText } from './question.js'
export { lookupSpans, type Reach, readNewestPlaces, windowSpans } from './reach.js'
export {
  type PinnedInterval,
  placesOf,
  type ReadPlaces,
  type RecomputeTools,
  readSourceRows,
  recomputedPlaces,
  writeRecomputed,
} from './recompute.js'
export { answeredAt, type RowRole, type RowVerdict, rowRoles } from './row-roles.js'
export { type Answer, differingFeatures, isSameValue, mayHoldSums } from './same-answer.js'
export { buildSourceRowsQuery, intervalStartOf, type SourceRow, sourceRowFrom } from './source-row.js'
