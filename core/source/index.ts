/** Where a source's files are, whether they are complete, what they hold by their footers, and whether they keep the contract. */
export { exactTimesFile, type FileBytes } from './exact-times.js'
export { buildFooterQuery, type FileFooter, fileFootersFrom } from './file-footer.js'
export { globPattern, globPrefix } from './glob.js'
export { type ColumnChange, compareInputs, compareSchemas, type FileChanges, type InputSize } from './input-changes.js'
export { dimensionSpan, dimensionsOf, inputSources, rowSource } from './inputs.js'
export { markerPath, type Partition, partitionsOf } from './partitions.js'
export { judgeReadiness, type Readiness } from './readiness.js'
export {
  type ContractDifference,
  type ContractResult,
  canHold,
  checkContract,
  type FileSchema,
  formatDifference,
  holdsOnlyNulls,
  valuelessType,
} from './schema-contract.js'
export { compareBytes, filesOf, inputsHash, type SourceFile, touchedSpan, touches } from './source-file.js'
export { indexName, listedPath } from './source-names.js'
export {
  type CommitFile,
  commitFile,
  commitUri,
  isCommitUri,
  startOfCommitUri,
  touchedByCommit,
  upstreamEnds,
  upstreamSpan,
} from './upstream.js'
export { type Unreadable, whyUnreadable } from './why-unreadable.js'
