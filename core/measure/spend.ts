/** What work has cost so far, in what providers bill by: counted where requests are answered, not derived from rows. */

export interface Spend {
  /** DynamoDB's capacity units, as its answers say; of an endpoint that does not say, estimated by the items' size. */
  readonly writeUnits: number
  readonly readUnits: number
  /** Of both, how many were estimated. */
  readonly estimatedUnits: number
  /** Requests that S3 bills as writes (PUT, COPY, POST, LIST), and as reads (GET, HEAD); deleting is free. */
  readonly s3Writes: number
  readonly s3Reads: number
  readonly s3BytesWritten: number
  readonly s3BytesRead: number
  /** Seconds in which DuckDB worked on a statement: wall time, waits for its turn left out; not CPU time. */
  readonly engineSeconds: number
  /** Online writes that were acknowledged, and keys of finished publishes whose value was online already. */
  readonly itemsWritten: number
  readonly keysUnchanged: number
}

export const nothingSpent: Spend = {
  writeUnits: 0,
  readUnits: 0,
  estimatedUnits: 0,
  s3Writes: 0,
  s3Reads: 0,
  s3BytesWritten: 0,
  s3BytesRead: 0,
  engineSeconds: 0,
  itemsWritten: 0,
  keysUnchanged: 0,
}

export const spendFields = Object.keys(nothingSpent) as readonly (keyof Spend)[]

export function addSpend(one: Spend, other: Partial<Spend>): Spend {
  return Object.fromEntries(spendFields.map((field) => [field, one[field] + (other[field] ?? 0)])) as unknown as Spend
}

/** What the work was: `backfill` its runs, too; `tick`: looking for what is due. */
export const spendingWorks = ['run', 'backfill', 'publish', 'compaction', 'check', 'decision', 'tick'] as const
export type SpendingWork = (typeof spendingWorks)[number]
