import type { CancelSignal } from './cancel-signal.js'

/** SQL on Parquet. One engine per process; sessions share its memory budget and one heavy slot, so `withSession` may wait. */
export interface QueryEngine {
  /** The session's temporary tables and spill files are gone afterwards, whatever happened. */
  withSession<T>(work: (session: QuerySession) => Promise<T>, options?: SessionOptions): Promise<T>
  /**
   * What runs here, for `doctor`.
   * @param needsS3 gets ready to read S3, else only looks whether it could
   * @throws MillcourseError COMPUTE_EXTENSION_MISSING
   */
  describe(needsS3: boolean): Promise<EngineDescription>
  close(): Promise<void>
}

export interface EngineDescription {
  readonly version: string
  /** What reads S3, and where it comes from; null: nothing here does. */
  readonly s3Reader: string | null
}

export interface SessionOptions {
  /** Cancels the statement under way. */
  readonly signal?: CancelSignal
  /** Reads footers and the like: does not wait for the heavy slot; may run twice, where a heavy query has taken all the memory. */
  readonly isLight?: boolean
}

/**
 * @throws MillcourseError SOURCE_FILE_CORRUPT | SOURCE_FILE_MISSING (naming the file), COMPUTE_OUT_OF_MEMORY, COMPUTE_SPILL_FULL,
 * COMPUTE_VALUE_OUT_OF_RANGE, COMPUTE_FAILED; of S3 also COMPUTE_EXTENSION_MISSING, SOURCE_ACCESS_DENIED, PLAN_INPUTS_MOVED, LAKE_…
 */
export interface QuerySession {
  /**
   * A file that a statement writes to `s3://…` appears whole, when the statement has ended well, or not at all.
   * @param onProgress is told a few times a second which part of the work is done, 0 to 1, as far as the engine can say
   */
  execute(query: Query, onProgress?: (done: number) => void): Promise<void>
  /** All rows; for small results. */
  all(query: Query): Promise<EngineRow[]>
  /** In parts of about 2,048 rows, in the query's order, without holding the whole result. */
  stream(query: Query): AsyncIterable<EngineRow[]>
  /**
   * Keeps a file where spilled data lies, until the session ends; its path, to be read like any other. `name` ends it.
   * @throws MillcourseError COMPUTE_SPILL_FULL, and what `parts` throws
   */
  keepFile(name: string, parts: AsyncIterable<Uint8Array>): Promise<string>
  /**
   * Keeps the result of a query that a person wrote, as Parquet, its rows in the query's order. It runs apart from all else, within the
   * same limits: it must be one SELECT, sees nothing of the session, and changes nothing.
   * @param to where it stays, a path or `s3://…`, whole or not at all; null: where spilled data lies, until the session ends
   * @throws MillcourseError COMPUTE_FAILED with what is wrong with it, and the facts `line` and `column` (from 1) where it is a place in its text
   */
  keepQuery(sql: string, to: string | null, onProgress?: (done: number) => void): Promise<KeptQuery>
  /** Largest memory of the engine so far, bytes. */
  peakMemoryBytes(): Promise<number>
}

export interface KeptQuery {
  readonly file: string
  /** It ends in an ORDER BY of its own; else its order is the engine's, and may be another one the next time. */
  readonly isOrdered: boolean
}

export interface Query {
  readonly sql: string
  /** Positional, `$1` first. */
  readonly parameters?: readonly EngineValue[]
}

/**
 * Integers up to 32 bits and floats: number. 64-bit and wider integers: bigint. Decimal: its exact text. Timestamps: nanoseconds
 * since 1970 as bigint, infinity as ±`endOfTime`. Date: `YYYY-MM-DD`, `infinity`, `-infinity`. Lists: arrays; maps: arrays of [key, value]. The declared column type tells which is which.
 */
export type EngineValue = null | boolean | number | bigint | string | Uint8Array | readonly EngineValue[]
export type EngineRow = Readonly<Record<string, EngineValue>>
