/** The files of a source's partitions: neighbours in one listing, where little else lies between them. */

import { inParallel } from '../core/in-parallel.js'
import type { LakeFile } from '../core/ports/lake.js'
import { compareBytes, globPattern, globPrefix, partitionsOf } from '../core/source/index.js'
import { earliest, latest } from '../core/time/instant.js'
import type { Interval } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'

const listingsAtOnce = 8
/** S3 lists so many files a request: strangers up to that cost no more than a listing of the partition alone. */
const filesPerRequest = 1_000

type ListingDeps = Pick<ActivityDeps, 'sources'>

export interface ListedFile {
  readonly uri: string
  readonly etag: string
  readonly sizeBytes: number
  readonly partition: Interval
}

/** @param path the source's path, with its time tokens */
export async function listPartitions(deps: ListingDeps, path: string, range: Interval): Promise<ListedFile[]> {
  const partitions = partitionsOf(path, range).map((one) => ({ ...one, pattern: globPattern(one.glob) }))
  const byPrefix = await listPrefixes(deps, [...new Set(partitions.map((one) => globPrefix(one.glob)))])
  const found = new Map<string, ListedFile>()
  for (const { glob, pattern, span } of partitions)
    for (const { path: listed, etag, sizeBytes } of byPrefix.get(globPrefix(glob))!) {
      if (!pattern.test(listed)) continue
      const uri = deps.sources.uri(listed)
      const known = found.get(uri)
      // Tokens that do not tell all partitions apart: the file belongs to each.
      const partition = known
        ? { start: earliest([known.partition.start, span.start]), end: latest([known.partition.end, span.end]) }
        : span
      found.set(uri, { uri, etag, sizeBytes, partition })
    }
  return [...found.values()]
}

async function listPrefixes(deps: ListingDeps, prefixes: readonly string[]): Promise<Map<string, LakeFile[]>> {
  const together = prefixes.length > 1 ? await listTogether(deps, prefixes) : null
  if (together) return together
  const listings = await inParallel(prefixes, listingsAtOnce, async (prefix) => {
    const files: LakeFile[] = []
    for await (const file of deps.sources.list(prefix)) files.push(file)
    return files
  })
  return new Map(prefixes.map((prefix, index) => [prefix, listings[index]!]))
}

/** From the first prefix to the last in one listing; null: more lies between them than listing each would cost. */
async function listTogether(
  { sources }: ListingDeps,
  prefixes: readonly string[],
): Promise<Map<string, LakeFile[]> | null> {
  const sorted = [...prefixes].sort(compareBytes)
  const [first, last] = [sorted[0]!, sorted.at(-1)!]
  const folder = commonFolder(first, last)
  // Of several buckets, or several roots.
  if (/^([a-z][a-z0-9+.-]*:)?\/*$/i.test(folder) && folder !== '') return null
  const files = new Map(sorted.map((prefix): [string, LakeFile[]] => [prefix, []]))
  // A prefix may be the beginning of another: `h=1` of `h=10/`.
  const lengths = [...new Set(sorted.map((prefix) => prefix.length))]
  let strangers = 0
  for await (const file of sources.list(folder, { from: first, below: `${last}\u{10ffff}` })) {
    const homes = lengths.map((length) => file.path.slice(0, length)).filter((prefix) => files.has(prefix))
    for (const home of homes) files.get(home)!.push(file)
    if (homes.length === 0 && ++strangers > filesPerRequest * prefixes.length) return null
  }
  return files
}

/** What both begin with, cut after a `/`. */
function commonFolder(first: string, last: string): string {
  let length = 0
  while (length < first.length && first[length] === last[length]) length++
  return first.slice(0, first.lastIndexOf('/', length - 1) + 1)
}
