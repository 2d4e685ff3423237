/**
 * Which files hold the rows, or tiles, of some commits. A commit has a file of its own until retention takes it; a compaction holds those
 * of many commits in few files, of each exactly what lay in its interval (R21). So a commit is one of a compaction's intervals, and one
 * that counts no longer is left out by event time:
 *
 *     own files     a  b  c  d  e  f  g            wanted: a b D e f g, where D took the place of d
 *     compaction   [a  b  c  d  e  f]              the compaction's rows of a b c, those of e f, the files of D and g
 */
import type { Interval } from '../time/interval.js'

/** A file of committed rows or tiles: its URI where all that lies in it counts, else what of it does. */
export type CommittedFile = string | CompactedFile

export interface CompactedFile {
  readonly uri: string
  /** Only what lies in these spans of event time counts; oldest first, none touches another. Null: all. */
  readonly within: readonly Interval[] | null
  /** Null: of no compaction. */
  readonly bucket: Bucket | null
  /** Of it only rows that delete count (feature-groups.ts). */
  readonly isDeletedOnly?: true
}

export function uriOfFile(file: CommittedFile): string {
  return typeof file === 'string' ? file : file.uri
}

/** Ties in it are settled, where a view's compactions settle them (`areTiesResolved`). */
export function isOfCompaction(file: CommittedFile): file is CompactedFile & { readonly bucket: Bucket } {
  return typeof file !== 'string' && file.bucket !== null
}

/** Keys whose hash modulo `of`, a power of two, is `number` (key-bucket.ts). A bucket of 8 lies in one of 4. */
export interface Bucket {
  readonly number: number
  readonly of: number
}

/** A commit whose rows are asked for. */
export interface WantedCommit {
  readonly commitId: bigint
  readonly interval: Interval
  /** Its own file, below the lake's root; null: committed as empty. */
  readonly data: { readonly path: string } | null
}

/** What readers have to know of a compaction (`LedgerReader.compactions`). */
export interface CompactedCommits {
  /** Commits whose rows it holds; those that were empty are left out. */
  readonly commitIds: readonly bigint[]
  /** Of them, those whose own file is to be read no longer. */
  readonly removedIds: readonly bigint[]
  /** Below the lake's root. Together all rows; none: there are no rows. */
  readonly files: readonly { readonly path: string; readonly bucket: Bucket }[]
}

/** A compaction is read for a part of it from this share of its commits on: before, own files are less to read. */
const worthwhileShare = 1 / 8

/**
 * Files that hold the rows of these commits, each row once. @param compactions the newest first: of several that hold a commit, the first
 * @param toUri of a path below the lake's root
 */
export function committedFiles(
  commits: readonly WantedCommit[],
  compactions: readonly CompactedCommits[],
  toUri: (path: string) => string,
): CommittedFile[] {
  const left = new Map(commits.flatMap((one) => (one.data === null ? [] : [[one.commitId, one] as const])))
  const compacted = compactions.flatMap((compaction) => {
    const removed = new Set(compaction.removedIds)
    const held = compaction.commitIds.flatMap((id) => left.get(id) ?? [])
    const isWorthwhile = held.length > 1 && held.length >= compaction.commitIds.length * worthwhileShare
    if (!isWorthwhile && !held.some(({ commitId }) => removed.has(commitId))) return []
    for (const { commitId } of held) left.delete(commitId)
    const isWhole = held.length === compaction.commitIds.length
    const within = isWhole ? null : joinTouching(held.map(({ interval }) => interval))
    return compaction.files.map(({ path, bucket }): CommittedFile => ({ uri: toUri(path), within, bucket }))
  })
  return [...compacted, ...new Set([...left.values()].map(({ data }) => toUri(data!.path)))]
}

/** As many files as are read; the same one asked for twice, for different commits of it, is read once. */
export function uniteFiles(files: readonly CommittedFile[]): CommittedFile[] {
  const united = new Map<string, CommittedFile>()
  for (const file of files) {
    const uri = uriOfFile(file)
    const name = typeof file !== 'string' && file.isDeletedOnly ? `deleted ${uri}` : uri
    const known = united.get(name)
    united.set(name, known === undefined ? file : uniteParts(known, file))
  }
  return [...united.values()]
}

function uniteParts(a: CommittedFile, b: CommittedFile): CommittedFile {
  if (typeof a === 'string' || typeof b === 'string' || a.within === null) return a
  if (b.within === null) return b
  return { ...a, within: joinTouching([...a.within, ...b.within]) }
}

function joinTouching(intervals: readonly Interval[]): Interval[] {
  const joined: Interval[] = []
  for (const interval of intervals.toSorted((a, b) => (a.start < b.start ? -1 : 1))) {
    const last = joined.at(-1)
    if (last === undefined || last.end < interval.start) joined.push(interval)
    else if (last.end < interval.end) joined[joined.length - 1] = { start: last.start, end: interval.end }
  }
  return joined
}

export interface FileGroup {
  readonly uris: readonly string[]
  readonly within: readonly Interval[] | null
  readonly isDeletedOnly: boolean
}

/** Files that are read with the same condition. */
export function groupFiles(files: readonly CommittedFile[]): FileGroup[] {
  const groups = new Map<string, FileGroup>()
  for (const file of uniteFiles(files)) {
    const { uri, within, isDeletedOnly = false } = typeof file === 'string' ? { uri: file, within: null } : file
    const spans = within === null ? 'all' : within.map(({ start, end }) => `${start}-${end}`).join()
    const name = isDeletedOnly ? `deleted ${spans}` : spans
    groups.set(name, { uris: [...(groups.get(name)?.uris ?? []), uri], within, isDeletedOnly })
  }
  return [...groups.values()]
}
