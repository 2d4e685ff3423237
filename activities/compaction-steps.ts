/** What the steps of a compaction hand to each other through Temporal: spans and counts. Frozen by recorded histories: add optional fields only. */
import type { SearchLabels } from '../core/ports/run-control.js'
import type { IsoInterval } from '../core/time/interval.js'

export interface CompactViewInput {
  readonly view: string
  /** Absent: the newest. */
  readonly version?: number
}

export interface CompactionPlanResult {
  readonly project: string
  readonly view: string
  readonly version: number
  /** Oldest first; at most so many as one workflow carries. */
  readonly spans: readonly IsoInterval[]
  /** Other versions that have files: read and served until a person drops them, and kept tidy until then. Absent: none. */
  readonly others?: readonly { readonly version: number; readonly spans: readonly IsoInterval[] }[]
  readonly labels?: SearchLabels
}

export interface CompactSpanInput {
  readonly view: string
  readonly version: number
  readonly span: IsoInterval
}

export type CompactSpanResult =
  | {
      readonly kind: 'compacted'
      readonly filesBefore: number
      readonly filesAfter: number
      readonly rows: number
      readonly bytesBefore: number
      readonly bytesAfter: number
    }
  /** Done already, or no longer worth it. */
  | { readonly kind: 'nothing' }

export interface RemoveFilesResult {
  /** Of commits, compactions, the cache and runs, whose time has come. */
  readonly filesRemoved: number
  readonly bytesRemoved: number
  /** Read no longer from now on; removed by a later compaction. Without what runs have left: most have left nothing, which only a look tells. */
  readonly filesMarked: number
  /** Runs that lost their details in the ledger. Absent: a worker of a release that removed none. */
  readonly detailsRemoved?: number
}

export interface CompactionActivities {
  planCompaction(input: CompactViewInput): Promise<CompactionPlanResult>
  compactSpan(input: CompactSpanInput): Promise<CompactSpanResult>
  removeFiles(input: { readonly view: string; readonly version: number }): Promise<RemoveFilesResult>
}
