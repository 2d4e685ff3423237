/** Of each error code: which part broke, and whether a person on call needs a page for it. Pages lie in docs/runbooks, by the code in lower case. */
import type { ErrorCode } from '../errors.js'

/** Where to look first. `process`: the worker, watcher or server itself, its memory, its environment. */
export type Layer = 'definition' | 'source' | 'compute' | 'lake' | 'ledger' | 'online' | 'temporal' | 'process'

export interface ErrorGuide {
  readonly layer: Layer
  /** `page`: there is one; else why nobody needs it. */
  readonly runbook: string
}

export const page = 'page'
const atTheTerminal = 'told to whoever typed the command, with what to change'
const toTheCaller = 'an answer to one request: whoever sent it corrects it'
const byItself = 'passes by itself, whatever anybody does'

const of = (layer: Layer, runbook: string): ErrorGuide => ({ layer, runbook })

export const errorGuides: Readonly<Record<ErrorCode, ErrorGuide>> = {
  DEFINE_INVALID: of('definition', atTheTerminal),
  DEFINE_UNKNOWN_COLUMN: of('definition', atTheTerminal),
  DEFINE_DUPLICATE_NAME: of('definition', atTheTerminal),
  DEFINE_QUERY_REFUSED: of('definition', atTheTerminal),
  DEFINE_BREAKING_CHANGE: of('definition', atTheTerminal),
  REPO_NOT_FOUND: of('definition', atTheTerminal),
  REPO_LOAD_FAILED: of('definition', atTheTerminal),
  REGISTRY_UNKNOWN_VIEW: of('definition', atTheTerminal),
  REGISTRY_UNKNOWN_FEATURE: of('definition', atTheTerminal),
  LEDGER_UNREACHABLE: of('ledger', page),
  LEDGER_ACCESS_DENIED: of('ledger', page),
  LEDGER_CONFLICT: of('ledger', page),
  LEDGER_UNKNOWN_RUN: of('ledger', atTheTerminal),
  LEDGER_SCHEMA_OUTDATED: of('ledger', page),
  PLAN_INTERVAL_INVALID: of('definition', atTheTerminal),
  PLAN_INTERVAL_NOT_OVER: of('process', page),
  PLAN_INPUTS_MOVED: of('source', page),
  PLAN_DEFINITION_MOVED: of('definition', byItself),
  BACKFILL_UNKNOWN: of('ledger', atTheTerminal),
  BACKFILL_PLAN_MOVED: of('ledger', atTheTerminal),
  BACKFILL_OVERLAPS: of('ledger', atTheTerminal),
  BACKFILL_NOT_APPLICABLE: of('ledger', atTheTerminal),
  SOURCE_ACCESS_DENIED: of('source', page),
  SOURCE_FILE_CORRUPT: of('source', page),
  SOURCE_FILE_MISSING: of('source', page),
  SOURCE_FILE_UNSUPPORTED: of('source', page),
  SOURCE_SCHEMA_CHANGED: of('source', page),
  COMPACT_ROWS_DIFFER: of('lake', page),
  COMPUTE_FAILED: of('compute', page),
  COMPUTE_VALUE_OUT_OF_RANGE: of('compute', page),
  COMPUTE_OUT_OF_MEMORY: of('compute', page),
  COMPUTE_SPILL_FULL: of('compute', page),
  COMPUTE_EXTENSION_MISSING: of('process', page),
  LAKE_UNREACHABLE: of('lake', page),
  LAKE_THROTTLED: of('lake', page),
  LAKE_ACCESS_DENIED: of('lake', page),
  LAKE_BUCKET_MISSING: of('lake', page),
  LAKE_FILE_MISSING: of('lake', page),
  LAKE_FULL: of('lake', page),
  RUN_SUPERSEDED: of('ledger', 'a newer run of the interval counts; there is nothing to do'),
  RUN_COUNTS_DO_NOT_RECONCILE: of('compute', page),
  JUDGE_STOPPED: of('source', page),
  RUN_STEP_TIMED_OUT: of('process', page),
  RUN_WORKER_DIED: of('process', page),
  RUN_CANCELLED: of('temporal', page),
  DECIDE_NOT_APPLICABLE: of('ledger', atTheTerminal),
  PUBLISH_THROTTLED: of('online', page),
  PUBLISH_UNREACHABLE: of('online', page),
  PUBLISH_ACCESS_DENIED: of('online', page),
  PUBLISH_TABLE_MISSING: of('online', page),
  PUBLISH_ITEM_TOO_LARGE: of('online', page),
  PUBLISH_DELTA_LOST: of('lake', byItself),
  SERVE_KEY_INVALID: of('online', toTheCaller),
  SERVE_SCHEMA_CHANGED: of('online', page),
  SERVE_REQUEST_INVALID: of('online', toTheCaller),
  SERVE_REQUEST_TOO_LARGE: of('online', toTheCaller),
  SERVE_ROUTE_UNKNOWN: of('online', toTheCaller),
  SERVE_METHOD_NOT_ALLOWED: of('online', toTheCaller),
  SERVE_UNAUTHORIZED: of('online', toTheCaller),
  SERVE_OVERLOADED: of('process', page),
  SERVE_TIMED_OUT: of('online', page),
  SERVE_NOT_READY: of('process', page),
  TRAINING_SPINE_INVALID: of('definition', atTheTerminal),
  TRAINING_NAME_TAKEN: of('definition', atTheTerminal),
  TRAINING_KEY_TYPE: of('definition', atTheTerminal),
  TRAINING_OUT_UNWRITABLE: of('process', atTheTerminal),
  TRAINING_MANIFEST_INVALID: of('definition', atTheTerminal),
  TRAINING_STATE_CHANGED: of('lake', atTheTerminal),
  TRAINING_FILES_REMOVED: of('lake', atTheTerminal),
  INCIDENT_UNKNOWN: of('ledger', atTheTerminal),
  INCIDENT_NOT_OPEN: of('ledger', atTheTerminal),
  ALERT_UNDELIVERED: of('process', page),
  ALERT_REFUSED: of('process', page),
  BACKUP_INVALID: of('ledger', page),
  RESTORE_TARGET_NOT_EMPTY: of('ledger', atTheTerminal),
  RESTORE_FILES_MISSING: of('lake', page),
  TEMPORAL_UNREACHABLE: of('temporal', page),
  STACK_NOT_RUNNING: of('process', page),
  STACK_START_FAILED: of('process', atTheTerminal),
  STACK_TOOL_MISSING: of('process', atTheTerminal),
  DRILL_ON_PRODUCTION: of('process', atTheTerminal),
  CONFIG_INVALID: of('process', page),
  USAGE: of('process', atTheTerminal),
  INTERNAL: of('process', page),
}
