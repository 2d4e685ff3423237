/**
 * Which intervals are worth compacting now. Spans of 32, 1,024, 32,768 … intervals, counted from the view's `since`, so that each row is
 * written again once per length and a year of hours lies in tens of files:
 *
 *     intervals   ││││││││││││││││││││││││││││││││   committed one by one
 *     spans       [────────][────────][────────]││   the last one is not over
 *                 [══════════════════]               and those of spans in a longer one
 *
 * What is committed anew inside a compacted span is read beside it, until there is enough of it to be worth writing the span again.
 */
import type { Bucket } from '../compute/committed-files.js'
import type { Instant } from '../time/instant.js'
import type { Interval } from '../time/interval.js'

/** Of the view: the grid that its intervals lie on. */
export interface CompactionGrid {
  readonly since: Instant
  readonly everyNs: bigint
  /** Left out: `worthwhile`. */
  readonly worthwhile?: Worthwhile
}

export interface Worthwhile {
  /** Intervals of the shortest span, and shortest spans of the next longer one. */
  readonly fanIn: bigint
  /** So many places to read are worth the writing: of a shortest span, and of a longer one. */
  readonly piecesMin: { readonly shortest: number; readonly longer: number }
}

/** A current commit. */
export interface CompactableCommit {
  readonly commitId: bigint
  readonly interval: Interval
  /** Null: committed as empty. */
  readonly data: { readonly path: string; readonly rows: number; readonly sizeBytes: number } | null
}

/** One that is current, too. */
export interface KnownCompaction {
  readonly span: Interval
  readonly commitIds: readonly bigint[]
  readonly files: readonly { readonly path: string; readonly sizeBytes: number; readonly bucket: Bucket }[]
}

export interface CompactionPlan {
  readonly span: Interval
  readonly commitIds: readonly bigint[]
  /** That hold the rows now. */
  readonly files: number
  /** As committed. */
  readonly rows: number
  readonly sizeBytes: number
}

const worthwhile: Worthwhile = { fanIn: 32n, piecesMin: { shortest: 4, longer: 8 } }
/** More is no gain: such files are large enough, and writing them again takes more memory and disk than a worker has for it. */
const sizeBytesMax = 2 * 1024 ** 3

/** Oldest first, none inside another. @param compactions the newest first */
export function planCompactions(
  grid: CompactionGrid,
  commits: readonly CompactableCommit[],
  compactions: readonly KnownCompaction[],
): CompactionPlan[] {
  const sorted = commits.toSorted((a, b) => (a.interval.start < b.interval.start ? -1 : 1))
  const frontier = sorted.at(-1)?.interval.end
  if (frontier === undefined) return []
  const places = placesOf(sorted, compactions)
  const planned = new Set<bigint>()
  const plans: CompactionPlan[] = []
  const { fanIn, piecesMin } = grid.worthwhile ?? worthwhile
  for (const length of spanLengths(grid, frontier))
    for (const [span, all] of bySpan(grid, sorted, length)) {
      if (!isReady(grid, span, all.length, frontier)) continue
      const lengthNs = span.end - span.start
      // What a longer compaction holds stays there.
      const within = all.filter(({ commitId, data }) => {
        const place = places.get(commitId)
        const isInLonger = place !== undefined && place.span.end - place.span.start > lengthNs
        return data !== null && !isInLonger && !planned.has(commitId)
      })
      const pieces = new Set(within.map(({ commitId }) => places.get(commitId) ?? commitId))
      const sizeBytes = sum(within.map(({ data }) => data!.sizeBytes))
      const enough = length === fanIn ? piecesMin.shortest : piecesMin.longer
      if (pieces.size < enough || sizeBytes > sizeBytesMax) continue
      for (const { commitId } of within) planned.add(commitId)
      plans.push({
        span,
        commitIds: within.map(({ commitId }) => commitId),
        files: sum([...pieces].map((piece) => (typeof piece === 'bigint' ? 1 : piece.files.length))),
        rows: sum(within.map(({ data }) => data!.rows)),
        sizeBytes,
      })
    }
  return plans.sort((a, b) => (a.span.start < b.span.start ? -1 : 1))
}

/** Rows of a bucket, and bytes: a bucket's file is read and joined at once. */
const bucketRowsMax = 1_000_000
const bucketBytesMax = 128 * 1024 ** 2
const bucketsMax = 64

/** A power of two. */
export function bucketCount({ rows, sizeBytes }: Pick<CompactionPlan, 'rows' | 'sizeBytes'>): number {
  const wanted = Math.max(rows / bucketRowsMax, sizeBytes / bucketBytesMax, 1)
  return Math.min(2 ** Math.ceil(Math.log2(wanted)), bucketsMax)
}

function spanLengths({ since, everyNs, ...grid }: CompactionGrid, frontier: Instant): bigint[] {
  const { fanIn } = grid.worthwhile ?? worthwhile
  const lengths: bigint[] = []
  for (let length = fanIn; since + length * everyNs <= frontier; length *= fanIn) lengths.push(length)
  return lengths.reverse()
}

/** Where a commit is read now: in the newest compaction that holds it. */
function placesOf(
  commits: readonly CompactableCommit[],
  compactions: readonly KnownCompaction[],
): ReadonlyMap<bigint, KnownCompaction> {
  const current = new Set(commits.map(({ commitId }) => commitId))
  const places = new Map<bigint, KnownCompaction>()
  for (const compaction of compactions)
    for (const id of compaction.commitIds) if (current.has(id) && !places.has(id)) places.set(id, compaction)
  return places
}

function bySpan(
  { since, everyNs }: CompactionGrid,
  commits: readonly CompactableCommit[],
  length: bigint,
): [Interval, CompactableCommit[]][] {
  const lengthNs = length * everyNs
  const spans = new Map<bigint, CompactableCommit[]>()
  for (const commit of commits) {
    const index = (commit.interval.start - since) / lengthNs
    // Committed under an earlier `since`, off the grid or across a span's edge: read by its own file.
    const end = since + (index + 1n) * lengthNs
    if (commit.interval.start < since || commit.interval.end > end) continue
    const known = spans.get(index)
    if (known) known.push(commit)
    else spans.set(index, [commit])
  }
  return [...spans].map(([index, of]) => [
    { start: since + index * lengthNs, end: since + (index + 1n) * lengthNs },
    of,
  ])
}

/** All of it is committed, or what is missing has been missing for as long as the span is. */
function isReady({ everyNs }: CompactionGrid, { start, end }: Interval, committed: number, frontier: Instant): boolean {
  return BigInt(committed) * everyNs >= end - start || end + (end - start) <= frontier
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0)
}
