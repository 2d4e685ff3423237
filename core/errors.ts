/**
 * Every failure the product can name, in one table. A code begins with the stage that raises it, so that it says where to
 * look. The table is the single source for Temporal's retry policy, HTTP status, the exit code and the page in docs/errors.md.
 */

/**
 * - `backoff`: a passing fault; the same call is tried again with growing pauses.
 * - `later`: nothing to gain now; the next tick tries again.
 * - `replan`: the ground moved; the run starts again from plan.
 * - `after-fix`: permanent; tried once, a person has to change something.
 */
export type RetryAdvice = 'backoff' | 'later' | 'replan' | 'after-fix'

/** exit: 64 usage, 65 data, 66 no input, 69 unavailable, 70 our mistake, 73 cannot create, 75 try again, 78 configuration (sysexits.h). */
export interface ErrorPolicy {
  readonly retry: RetryAdvice
  readonly http: number
  readonly exit: number
}

export const errorCodes = {
  // define / plan: the feature repo
  DEFINE_INVALID: { retry: 'after-fix', http: 422, exit: 65 },
  DEFINE_UNKNOWN_COLUMN: { retry: 'after-fix', http: 422, exit: 65 },
  DEFINE_DUPLICATE_NAME: { retry: 'after-fix', http: 422, exit: 65 },
  DEFINE_QUERY_REFUSED: { retry: 'after-fix', http: 422, exit: 65 },
  DEFINE_BREAKING_CHANGE: { retry: 'after-fix', http: 409, exit: 65 },
  REPO_NOT_FOUND: { retry: 'after-fix', http: 404, exit: 66 },
  REPO_LOAD_FAILED: { retry: 'after-fix', http: 422, exit: 65 },
  // registry / ledger
  REGISTRY_UNKNOWN_VIEW: { retry: 'after-fix', http: 404, exit: 66 },
  REGISTRY_UNKNOWN_FEATURE: { retry: 'after-fix', http: 404, exit: 66 },
  LEDGER_UNREACHABLE: { retry: 'backoff', http: 503, exit: 69 },
  // Without the ledger not even a failure can be kept: steps wait for somebody to mend it.
  LEDGER_ACCESS_DENIED: { retry: 'backoff', http: 503, exit: 78 },
  LEDGER_CONFLICT: { retry: 'backoff', http: 409, exit: 75 },
  LEDGER_UNKNOWN_RUN: { retry: 'after-fix', http: 404, exit: 66 },
  LEDGER_SCHEMA_OUTDATED: { retry: 'after-fix', http: 500, exit: 78 },
  // plan
  PLAN_INTERVAL_INVALID: { retry: 'after-fix', http: 422, exit: 64 },
  PLAN_INTERVAL_NOT_OVER: { retry: 'later', http: 422, exit: 75 },
  PLAN_INPUTS_MOVED: { retry: 'replan', http: 409, exit: 65 },
  PLAN_DEFINITION_MOVED: { retry: 'replan', http: 409, exit: 65 },
  BACKFILL_UNKNOWN: { retry: 'after-fix', http: 404, exit: 66 },
  BACKFILL_PLAN_MOVED: { retry: 'after-fix', http: 409, exit: 65 },
  BACKFILL_OVERLAPS: { retry: 'after-fix', http: 409, exit: 65 },
  BACKFILL_NOT_APPLICABLE: { retry: 'after-fix', http: 409, exit: 65 },
  // source / read
  SOURCE_ACCESS_DENIED: { retry: 'after-fix', http: 403, exit: 78 },
  SOURCE_FILE_CORRUPT: { retry: 'after-fix', http: 422, exit: 65 },
  SOURCE_FILE_MISSING: { retry: 'replan', http: 404, exit: 66 },
  SOURCE_FILE_UNSUPPORTED: { retry: 'after-fix', http: 422, exit: 65 },
  SOURCE_SCHEMA_CHANGED: { retry: 'after-fix', http: 422, exit: 65 },
  // compute
  COMPACT_ROWS_DIFFER: { retry: 'after-fix', http: 500, exit: 70 },
  COMPUTE_FAILED: { retry: 'after-fix', http: 500, exit: 70 },
  COMPUTE_VALUE_OUT_OF_RANGE: { retry: 'after-fix', http: 422, exit: 65 },
  COMPUTE_OUT_OF_MEMORY: { retry: 'after-fix', http: 507, exit: 69 },
  COMPUTE_SPILL_FULL: { retry: 'later', http: 507, exit: 75 },
  COMPUTE_EXTENSION_MISSING: { retry: 'after-fix', http: 500, exit: 78 },
  // lake
  LAKE_UNREACHABLE: { retry: 'backoff', http: 503, exit: 69 },
  LAKE_THROTTLED: { retry: 'backoff', http: 503, exit: 75 },
  LAKE_ACCESS_DENIED: { retry: 'after-fix', http: 403, exit: 78 },
  LAKE_BUCKET_MISSING: { retry: 'after-fix', http: 404, exit: 78 },
  LAKE_FILE_MISSING: { retry: 'after-fix', http: 404, exit: 66 },
  LAKE_FULL: { retry: 'later', http: 507, exit: 75 },
  // judge / decide / record
  RUN_SUPERSEDED: { retry: 'after-fix', http: 409, exit: 65 },
  RUN_COUNTS_DO_NOT_RECONCILE: { retry: 'after-fix', http: 500, exit: 70 },
  JUDGE_STOPPED: { retry: 'after-fix', http: 422, exit: 65 },
  RUN_STEP_TIMED_OUT: { retry: 'later', http: 504, exit: 75 },
  RUN_WORKER_DIED: { retry: 'after-fix', http: 507, exit: 69 },
  RUN_CANCELLED: { retry: 'after-fix', http: 409, exit: 75 },
  DECIDE_NOT_APPLICABLE: { retry: 'after-fix', http: 409, exit: 65 },
  // publish
  PUBLISH_THROTTLED: { retry: 'backoff', http: 503, exit: 75 },
  PUBLISH_UNREACHABLE: { retry: 'backoff', http: 503, exit: 69 },
  // The process's own rights, not those of a caller of its API.
  PUBLISH_ACCESS_DENIED: { retry: 'after-fix', http: 500, exit: 78 },
  PUBLISH_TABLE_MISSING: { retry: 'backoff', http: 404, exit: 66 },
  PUBLISH_ITEM_TOO_LARGE: { retry: 'after-fix', http: 413, exit: 65 },
  PUBLISH_DELTA_LOST: { retry: 'backoff', http: 500, exit: 70 },
  // serve / training sets
  SERVE_KEY_INVALID: { retry: 'after-fix', http: 422, exit: 64 },
  SERVE_SCHEMA_CHANGED: { retry: 'after-fix', http: 409, exit: 65 },
  SERVE_REQUEST_INVALID: { retry: 'after-fix', http: 400, exit: 64 },
  SERVE_REQUEST_TOO_LARGE: { retry: 'after-fix', http: 413, exit: 64 },
  SERVE_ROUTE_UNKNOWN: { retry: 'after-fix', http: 404, exit: 64 },
  SERVE_METHOD_NOT_ALLOWED: { retry: 'after-fix', http: 405, exit: 64 },
  SERVE_UNAUTHORIZED: { retry: 'after-fix', http: 401, exit: 78 },
  SERVE_OVERLOADED: { retry: 'backoff', http: 503, exit: 75 },
  SERVE_TIMED_OUT: { retry: 'backoff', http: 504, exit: 75 },
  SERVE_NOT_READY: { retry: 'backoff', http: 503, exit: 75 },
  TRAINING_SPINE_INVALID: { retry: 'after-fix', http: 422, exit: 65 },
  TRAINING_NAME_TAKEN: { retry: 'after-fix', http: 422, exit: 64 },
  TRAINING_KEY_TYPE: { retry: 'after-fix', http: 422, exit: 65 },
  TRAINING_OUT_UNWRITABLE: { retry: 'after-fix', http: 500, exit: 73 },
  TRAINING_MANIFEST_INVALID: { retry: 'after-fix', http: 422, exit: 65 },
  TRAINING_STATE_CHANGED: { retry: 'after-fix', http: 409, exit: 65 },
  TRAINING_FILES_REMOVED: { retry: 'after-fix', http: 410, exit: 66 },
  // watch / alerts
  INCIDENT_UNKNOWN: { retry: 'after-fix', http: 404, exit: 66 },
  INCIDENT_NOT_OPEN: { retry: 'after-fix', http: 409, exit: 65 },
  ALERT_UNDELIVERED: { retry: 'backoff', http: 502, exit: 75 },
  ALERT_REFUSED: { retry: 'after-fix', http: 502, exit: 78 },
  // backup / restore
  BACKUP_INVALID: { retry: 'after-fix', http: 422, exit: 65 },
  RESTORE_TARGET_NOT_EMPTY: { retry: 'after-fix', http: 409, exit: 73 },
  RESTORE_FILES_MISSING: { retry: 'after-fix', http: 409, exit: 66 },
  // temporal / the stack
  TEMPORAL_UNREACHABLE: { retry: 'backoff', http: 503, exit: 69 },
  STACK_NOT_RUNNING: { retry: 'after-fix', http: 503, exit: 69 },
  STACK_START_FAILED: { retry: 'after-fix', http: 500, exit: 70 },
  STACK_TOOL_MISSING: { retry: 'after-fix', http: 500, exit: 78 },
  DRILL_ON_PRODUCTION: { retry: 'after-fix', http: 409, exit: 78 },
  CONFIG_INVALID: { retry: 'after-fix', http: 500, exit: 78 },
  USAGE: { retry: 'after-fix', http: 400, exit: 64 },
  INTERNAL: { retry: 'after-fix', http: 500, exit: 70 },
} as const satisfies Record<string, ErrorPolicy>

export type ErrorCode = keyof typeof errorCodes

export interface ErrorDetail {
  readonly cause?: unknown
  /** What to do next, as a sentence or a command. */
  readonly hint?: string
  /** The file, column, row, line at fault; never a credential. */
  readonly facts?: Readonly<Record<string, string | number>>
}

/** One class, many codes: what went wrong (`message`), why (`cause`), what to do (`hint`), where (`facts`). */
export class MillcourseError extends Error {
  override readonly name = 'MillcourseError'
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly detail: ErrorDetail = {},
  ) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause })
  }

  get policy(): ErrorPolicy {
    return errorCodes[this.code]
  }
}

export function isMillcourseError(value: unknown): value is MillcourseError {
  return value instanceof MillcourseError
}

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errorCodes, text)
}

/** For our own mistakes, never for bad input. @throws MillcourseError INTERNAL */
export function assert(condition: unknown, whatMustHold: string): asserts condition {
  if (!condition) throw new MillcourseError('INTERNAL', `assertion failed: ${whatMustHold}`)
}

export function assertNever(value: never): never {
  throw new MillcourseError('INTERNAL', `unhandled case: ${JSON.stringify(value)}`)
}
