/**
 * Which tile files the windows of a view need at T: a coarse file where its whole span lies in a window, fine ones for the edges (R9).
 * A short window that needs only a part of a span keeps the span's fine files; window-values.ts counts each row once.
 *
 *     fine    ├┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼T       30d: ── ══════ ══════ ═════ ──T    (═ coarse, ─ fine)
 *     coarse  ├───────┼───────┼───────          1d:                    ────T
 */
import type { ViewBundle } from '../define/definitions.js'
import { parseDuration } from '../time/duration.js'
import { floorDiv, type Instant, parseInstant } from '../time/instant.js'
import type { Interval } from '../time/interval.js'
import { type CommittedFile, type CompactedCommits, committedFiles } from './committed-files.js'
import { tileNs } from './tile-rows.js'
import {
  type CoarseFile,
  holdsSpan,
  type TileRange,
  type TileSpan,
  tileSpan,
  windowLengths,
  windowTiles,
} from './window-values.js'

/** A current commit of the view version, from the ledger. */
export interface CommittedTiles {
  readonly commitId: bigint
  readonly interval: Interval
  /** URI; null: committed as empty. */
  readonly file: string | null
}

/** A coarse tile the ledger knows of; valid while it was merged from exactly the commits that are current now. */
export interface KnownCoarseTile {
  readonly span: Interval
  readonly file: string | null
  readonly commitIds: readonly bigint[]
}

export interface TileFilesInput {
  readonly bundle: ViewBundle
  readonly endNs: Instant
  readonly commits: readonly CommittedTiles[]
  /** What stands for many of them, the newest first, by URIs; left out: nothing does. */
  readonly compactions?: readonly CompactedCommits[]
  readonly coarse: readonly KnownCoarseTile[]
}

export interface TileFiles {
  readonly tiles: readonly CommittedFile[]
  readonly coarse: readonly CoarseFile[]
}

/** What `buildWindowValues` is given. */
export function chooseTileFiles(input: TileFilesInput): TileFiles {
  const { bundle } = input
  const ranges = rangesAt(bundle, input.endNs)
  const valid = validTiles(input)
  const used = ranges.map(
    (range) =>
      new UsedSpans(
        bundle,
        range,
        valid.map(({ at }) => at),
      ),
  )
  const isNeeded = ({ interval }: CommittedTiles): boolean => used.some((spans) => spans.leaveFine(interval))
  const tiles = filesOf(input, input.commits.filter(isNeeded))
  const coarse = valid.filter(({ at }) => used.some((spans) => spans.has(at)))
  return { tiles, coarse: coarse.map(({ tile: { file, span } }) => ({ file, span })) }
}

/** Every coarse tile that stands for what is committed now: for answers at many ends (training sets). */
export function usableCoarse(input: Omit<TileFilesInput, 'endNs'>): CoarseFile[] {
  return validTiles(input).map(({ tile: { file, span } }) => ({ file, span }))
}

/** The coarse spans that a window reads: the longest that it holds whole. */
class UsedSpans {
  readonly #firsts = new Map<bigint, Set<bigint>>()

  constructor(
    readonly bundle: ViewBundle,
    readonly range: TileRange,
    spans: readonly TileSpan[],
  ) {
    const longestFirst = spans.toSorted((a, b) => (a.length > b.length ? -1 : a.length < b.length ? 1 : 0))
    for (const span of longestFirst) {
      if (!holdsSpan(range, span) || this.#covers(span.first)) continue
      const firsts = this.#firsts.get(span.length)
      if (firsts) firsts.add(span.first)
      else this.#firsts.set(span.length, new Set([span.first]))
    }
  }

  has({ first, length }: TileSpan): boolean {
    return this.#firsts.get(length)?.has(first) ?? false
  }

  /** Whether the window has a part of the interval that no span stands for. An interval lies in one span of each length. */
  leaveFine(interval: Interval): boolean {
    const length = tileNs(this.bundle)
    const first = floorDiv(interval.start, length)
    const after = -floorDiv(-interval.end, length)
    const isInside = (this.range.from === null || this.range.from < after) && first < this.range.to
    return isInside && !this.#covers(first)
  }

  #covers(tile: bigint): boolean {
    for (const [length, firsts] of this.#firsts) if (firsts.has(floorDiv(tile, length) * length)) return true
    return false
  }
}

export interface CoarseTilePlan {
  readonly span: Interval
  /** The files to merge; none: the coarse tile is empty. */
  readonly tiles: readonly CommittedFile[]
  readonly commitIds: readonly bigint[]
}

/**
 * The coarse tiles of this length (in tiles) worth making now: whole spans inside the longest window, every interval of them committed, none
 * valid yet. Shorter ones that are valid stand for their part, so plan and make those first.
 */
export function planCoarseTiles(input: TileFilesInput & { readonly length: bigint }): CoarseTilePlan[] {
  const { bundle, length } = input
  const everyNs = parseDuration(bundle.view.every)
  const lengthNs = length * tileNs(bundle)
  const ranges = rangesAt(bundle, input.endNs)
  const since = parseInstant(bundle.view.since)
  const valid = validTiles(input)
  const have = new Set(valid.filter(({ at }) => at.length === length).map(({ at }) => at.first))
  const shorter = valid.filter(({ at }) => at.length < length)
  const bySpan = new Map<bigint, CommittedTiles[]>()
  for (const commit of input.commits)
    for (let index = floorDiv(commit.interval.start, lengthNs); index * lengthNs < commit.interval.end; index++) {
      const known = bySpan.get(index)
      if (known) known.push(commit)
      else bySpan.set(index, [commit])
    }
  const plans: CoarseTilePlan[] = []
  for (const [index, commits] of [...bySpan].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const at = { first: index * length, length }
    const span = { start: index * lengthNs, end: (index + 1n) * lengthNs }
    const from = span.start < since ? since : span.start
    const expected = (span.end - from + everyNs - 1n) / everyNs
    if (have.has(at.first) || BigInt(commits.length) < expected) continue
    if (!ranges.some((range) => holdsSpan(range, at))) continue
    plans.push({
      span,
      tiles: filesWithin(input, at, commits, shorter),
      commitIds: commits.map((one) => one.commitId),
    })
  }
  return plans
}

interface ValidTile {
  readonly tile: KnownCoarseTile
  readonly at: TileSpan
}

/** Those of lengths that the view still has, merged from exactly the commits that are current. */
function validTiles({ bundle, coarse, commits }: Omit<TileFilesInput, 'endNs'>): ValidTile[] {
  if (coarse.length === 0) return []
  const sorted = commits.toSorted((a, b) => (a.interval.start < b.interval.start ? -1 : 1))
  return coarse.flatMap((tile) => {
    const at = tileSpan(bundle, tile.span)
    return at !== null && isValid(tile, sorted) ? [{ tile, at }] : []
  })
}

/** @param sorted by start; intervals do not overlap, so neither their ends are out of order. A year has thousands of them. */
function isValid({ span, commitIds }: KnownCoarseTile, sorted: readonly CommittedTiles[]): boolean {
  let [from, to] = [0, sorted.length]
  while (from < to) {
    const middle = (from + to) >> 1
    if (sorted[middle]!.interval.end <= span.start) from = middle + 1
    else to = middle
  }
  const ids = new Set(commitIds)
  let count = 0
  for (; from < sorted.length && sorted[from]!.interval.start < span.end; from++, count++)
    if (!ids.has(sorted[from]!.commitId)) return false
  return count === ids.size
}

/** The longest files that hold each tile of the span once. */
function filesWithin(
  input: TileFilesInput,
  { first, length }: TileSpan,
  commits: readonly CommittedTiles[],
  shorter: readonly ValidTile[],
): CommittedFile[] {
  const used = new UsedSpans(
    input.bundle,
    { from: first, to: first + length },
    shorter.map(({ at }) => at),
  )
  return [
    ...shorter.filter(({ at }) => used.has(at)).flatMap(({ tile }) => tile.file ?? []),
    ...filesOf(
      input,
      commits.filter(({ interval }) => used.leaveFine(interval)),
    ),
  ]
}

function filesOf({ compactions = [] }: TileFilesInput, commits: readonly CommittedTiles[]): CommittedFile[] {
  const wanted = commits.map(({ file, ...commit }) => ({ ...commit, data: file === null ? null : { path: file } }))
  return committedFiles(wanted, compactions, (uri) => uri)
}

function rangesAt(bundle: ViewBundle, endNs: Instant): TileRange[] {
  const end = floorDiv(endNs, tileNs(bundle))
  return windowLengths(bundle).map((length) => windowTiles(bundle, length, end))
}
