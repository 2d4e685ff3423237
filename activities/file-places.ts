/** Which files the rows of a commit may be read from, by URI; looked up by the commit, because a compaction holds those of thousands. */
import { type Bucket, committedFiles, type LakePart, uriOfFile } from '../core/compute/index.js'
import type { Compaction } from '../core/ports/compaction-ledger.js'
import type { Lake } from '../core/ports/lake.js'
import type { Commit } from '../core/ports/ledger.js'

export interface PlacedFile extends LakePart {
  readonly uri: string
  /** Null: a commit's own. */
  readonly bucket: Bucket | null
}

export interface FilePlaces {
  /** Where whoever reads many commits finds its rows: the newest compaction that holds it, else its own file. */
  placeOf(commit: Pick<Commit, 'commitId'>): readonly PlacedFile[]
  /** All of them, also those that are soon to go. */
  filesOf(commit: Pick<Commit, 'commitId'>): readonly PlacedFile[]
  /** Which of these hold its rows for somebody who reads all these commits together: a publish, a training set. */
  readTogether(
    commits: readonly Pick<Commit, 'commitId' | 'interval' | 'data'>[],
  ): (commit: Pick<Commit, 'commitId'>) => ReadonlySet<string>
  /** Of all commits, each file once. */
  allOf(commits: readonly Pick<Commit, 'commitId'>[]): ReadonlyMap<string, PlacedFile>
}

/** @param compactions with paths or URIs, the newest first */
export function filePlaces(
  lake: Pick<Lake, 'uri'>,
  commits: readonly Pick<Commit, 'commitId' | 'data'>[],
  compactions: readonly Compaction[],
): FilePlaces {
  const held = new Map<bigint, PlacedFile[][]>()
  const removed = new Set<bigint>()
  for (const { commitIds, removedIds, files } of compactions) {
    const placed = files.map((file) => ({ ...file, uri: lake.uri(file.path) }))
    for (const id of removedIds) removed.add(id)
    for (const id of commitIds) {
      const known = held.get(id)
      if (known) known.push(placed)
      else held.set(id, [placed])
    }
  }
  const own = new Map(
    commits.flatMap(({ commitId, data }): [bigint, PlacedFile[]][] => {
      if (data === null) return []
      const file = { ...data, uri: lake.uri(data.path), bucket: null }
      return [[commitId, removed.has(commitId) ? [] : [file]]]
    }),
  )
  // Of many commits a compaction's list is one and the same.
  const placeOf: FilePlaces['placeOf'] = ({ commitId }) =>
    own.has(commitId) ? (held.get(commitId)?.[0] ?? own.get(commitId)!) : []
  const listsOf = ({ commitId }: Pick<Commit, 'commitId'>) =>
    own.has(commitId) ? [own.get(commitId)!, ...(held.get(commitId) ?? [])] : []
  return {
    placeOf,
    filesOf: (commit) => listsOf(commit).flat(),
    readTogether: (some) => {
      const wanted = some.map(({ commitId, interval, data }) => ({
        commitId,
        interval,
        data: data && { path: data.path },
      }))
      const files = committedFiles(wanted, compactions, (path) => lake.uri(path))
      const chosen = new Set(files.map(uriOfFile))
      return (commit) => {
        const lists = listsOf(commit).map((list) => list.flatMap(({ uri }) => (chosen.has(uri) ? [uri] : [])))
        // A compaction is chosen for others beside it, too.
        return new Set(lists[0]?.length ? lists[0] : lists.flat())
      }
    },
    allOf: (some) => {
      const lists = new Set(some.flatMap(listsOf))
      return new Map([...lists].flat().map((file) => [file.uri, file]))
    },
  }
}
