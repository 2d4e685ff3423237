/** From committed state to online values: encodings, the delta and its SQL, the end a publish shows. */
export { type DeltaFile, hasFile, type KeyCounts, type PublishedFile } from './delta.js'
export {
  checksumSql,
  countClassesSql,
  countRowsSql,
  createAllUnfinishedSql,
  createAnswersSql,
  createClassifiedSql,
  createHistoryKeysSql,
  createLookedUpSql,
  createLookupAnswersSql,
  createRecentSql,
  createRoutesSql,
  createTouchedSql,
  createWantedSql,
  historyKeysTable,
  readCountsSql,
  readDeltaSql,
  unfinishedTable,
  wantedTable,
  writeDeltaSql,
} from './delta-sql.js'
export { type AnsweredGroup, groupedRowsSql, groupedWindowsSql, type HeldValue, parseHeld } from './held-values.js'
export { chooseHeldWindows, heldFrom } from './held-windows.js'
export { keyCountsFrom } from './key-counts.js'
export { decodeKey, encodeKey, reservedKeyByte } from './key-encoding.js'
export { coarseTilePath, committedPath, intervalFolderOf, publishedPath } from './lake-paths.js'
export type { PackedValue } from './message-pack.js'
export { onlineExpirySeconds } from './online-expiry.js'
export type { OnlineItem, PublishedEnd } from './online-item.js'
export {
  firstLoadTableName,
  isTableOfVersion,
  onlineTableName,
  onlineTablePrefix,
  sequenceOfTable,
  versionTableName,
} from './online-table-name.js'
export { type ChosenEnd, choosePublishEnd, type PublishEndInput, reachedSpan, type WindowReach } from './publish-end.js'
export { type PublishedColumns, publishedColumns } from './published-columns.js'
export {
  cachedOtherwiseSql,
  createKeysSql,
  createOnlyKeysSql,
  createPublishedSql,
  createScannedSql,
  insertScannedSql,
  type PublishedFiles,
  writeBaseSql,
  writeCoarseTileSql,
  writeScannedSql,
} from './published-sql.js'
export { readKey } from './read-key.js'
export { decodeValues, encodeValues, valueSchemaHash } from './value-encoding.js'
export { windowReach } from './window-reach.js'
export {
  fullBudget,
  itemOverheadBytes,
  takeWriteUnits,
  type WriteBudget,
  type WriteUnitsAnswer,
  type WriteUnitsRequest,
  writeUnitsOf,
} from './write-budget.js'
export { fullPace, paceAt, slowedPace, type WritePace } from './write-pace.js'
