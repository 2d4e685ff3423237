/** Where compactions lie below the lake's root: a folder each, so that what a killed attempt has left is found by its number alone. */
import type { Bucket } from '../compute/committed-files.js'

interface ViewVersion {
  readonly view: string
  readonly version: number
}

export function compactionFolder({ view, version }: ViewVersion, compactionId: bigint): string {
  return `compacted/${view}/v${version}/${compactionId.toString().padStart(12, '0')}/`
}

export function compactedPath(key: ViewVersion, compactionId: bigint, { number, of }: Bucket): string {
  return `${compactionFolder(key, compactionId)}${number}-of-${of}.parquet`
}

/** What to do where a file of a compaction is missing or unreadable; null: the path or URI is none's. */
export function compactedFileAdvice(file: string): string | null {
  const [, view] = /(?:^|\/)compacted\/([^/]+)\/v\d+\/\d{12}\/\d+-of-\d+\.parquet$/.exec(file) ?? []
  return view === undefined
    ? null
    : `it holds what was committed for many intervals: millcourse check-quality ${view} --repair --reason "…" has them run again; or put it back from a backup of the lake`
}

/** Of a file of the published-state cache or a coarse tile: the publish that wrote it. Null: none of these. */
export function sequenceOfCachePath(path: string): bigint | null {
  const [, sequence] =
    /^(?:published\/[^/]+\/v\d+|tiles\/[^/]+\/v\d+\/coarse\/[^/]+)\/(\d+)-[^/]+\.parquet$/.exec(path) ?? []
  return sequence === undefined ? null : BigInt(sequence)
}
