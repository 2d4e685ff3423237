/** Many files into few: what is worth writing again, and where it lies (docs/compaction.md). */
export { compactedFileAdvice, compactedPath, compactionFolder, sequenceOfCachePath } from './compacted-paths.js'
export { coveringSpan } from './covering-span.js'
export {
  bucketCount,
  type CompactableCommit,
  type CompactionGrid,
  type CompactionPlan,
  type KnownCompaction,
  planCompactions,
  type Worthwhile,
} from './plan-compactions.js'
