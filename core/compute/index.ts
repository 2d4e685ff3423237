/** Work → query: window edges, point-in-time joins and tiles, as SQL text (docs/point-in-time.md). */
export type { Candidate, LakePart, RejectReason, RowCounts } from './candidate.js'
export { refuseChangedColumns } from './changed-columns.js'
export {
  type CoarseTilePlan,
  type CommittedTiles,
  chooseTileFiles,
  type KnownCoarseTile,
  planCoarseTiles,
  type TileFiles,
  type TileFilesInput,
  usableCoarse,
} from './choose-tile-files.js'
export { buildCoarseTile, type CoarseTileInput } from './coarse-tile.js'
export {
  type Bucket,
  type CommittedFile,
  type CompactedCommits,
  type CompactedFile,
  committedFiles,
  isOfCompaction,
  uriOfFile,
  type WantedCommit,
} from './committed-files.js'
export { areTiesResolved } from './committed-rows.js'
export { buildCompaction, type CompactionInput, type CompactionQuery } from './compact-files.js'
export type { DimensionFiles } from './dimension-rows.js'
export { type ExactCopies, type ExactCopyTools, makeExactCopies } from './exact-copies.js'
export {
  type FeatureGroup,
  featureGroups,
  groupFilesOf,
  type HeldFeatures,
  type HoldingCommit,
  heldFeaturesIn,
  shownEnd,
} from './feature-groups.js'
export {
  buildEmptyFilesQuery,
  buildFileTypesQuery,
  type FileColumn,
  type FileTypes,
  fileTypesFrom,
  withEmptyFiles,
} from './file-types.js'
export {
  buildIntervalQuery,
  type IntervalQuery,
  type IntervalQueryInput,
  reopensFrom,
  rowCountsFrom,
  searchedAroundNs,
  timesFrom,
} from './interval-query.js'
export { keyBucket } from './key-bucket.js'
export { buildLatestRows, type LatestRowsInput } from './latest-rows.js'
export { answerOfNothing } from './merged-features.js'
export { buildOwnCheck, keptAsSeen, ownAnswerFrom } from './own-check.js'
export { printCommittedFile, printFileRows } from './print-duckdb.js'
export type { SqlQuery } from './sql-algebra.js'
export { buildTileConstantsQuery, type TileConstants, tileConstantsFrom } from './tile-constants.js'
export { summingFeatures } from './tile-parts.js'
export type { PublishedRead, Served } from './training-served.js'
export {
  buildTrainingSet,
  type HeldFeaturesRead,
  type SpineRows,
  type TrainingSetInput,
  type TrainingSetQuery,
} from './training-set.js'
export {
  planTrainingSet,
  type TrainingPlan,
  type TrainingRequest,
  type TrainingViewRequest,
} from './training-set-plan.js'
export {
  buildSpineColumnsQuery,
  buildSpineUnitsQuery,
  checkSpineRows,
  spineColumnsFrom,
  spineTimesFrom,
  withSpineUnits,
} from './training-spine.js'
export { nanosecondFeatures } from './training-times.js'
export { type UpstreamCommit, upstreamCommits, upstreamParts, upstreamReads } from './upstream-reads.js'
export type { UpstreamPart, UpstreamRead } from './upstream-rows.js'
export { buildWindowValues, type CoarseFile, coarseLengths, type WindowValuesInput } from './window-values.js'
