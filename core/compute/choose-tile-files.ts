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
import { tileNs } from './tile-rows.js'
import {
  type CoarseFile,
  coarseIndex,
  coarseRatio,
  holdsSpan,
  type TileRange,
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
  readonly coarse: readonly KnownCoarseTile[]
}

export interface TileFiles {
  readonly tiles: readonly string[]
  readonly coarse: readonly CoarseFile[]
}

/** What `buildWindowValues` is given. */
export function chooseTileFiles(input: TileFilesInput): TileFiles {
  const { bundle } = input
  const ranges = rangesAt(bundle, input.endNs)
  const valid = bundle.view.coarseTile === null ? [] : input.coarse.filter((tile) => isValid(tile, input.commits))
  const coarse = valid.filter((tile) =>
    ranges.some((range) => holdsSpan(bundle, range, coarseIndex(bundle, tile.span))),
  )
  const spans = coarse.map((tile) => coarseIndex(bundle, tile.span))
  const used = ranges.map((range) => new Set(spans.filter((index) => holdsSpan(bundle, range, index))))
  const isNeeded = (commit: CommittedTiles): boolean =>
    ranges.some((range, at) => needsFine(bundle, commit.interval, range, used[at]!))
  const tiles = input.commits.filter((commit) => commit.file !== null && isNeeded(commit)).map((commit) => commit.file!)
  return { tiles, coarse: coarse.map(({ file, span }) => ({ file, span })) }
}

export interface CoarseTilePlan {
  readonly span: Interval
  /** URIs of the fine files to merge; none: the coarse tile is empty. */
  readonly tiles: readonly string[]
  readonly commitIds: readonly bigint[]
}

/** The coarse tiles worth making now: whole spans inside the longest window, every interval of them committed, none valid yet. */
export function planCoarseTiles(input: TileFilesInput): CoarseTilePlan[] {
  const { bundle } = input
  if (bundle.view.coarseTile === null) return []
  const everyNs = parseDuration(bundle.view.every)
  const lengthNs = coarseRatio(bundle) * tileNs(bundle)
  const ranges = rangesAt(bundle, input.endNs)
  const since = parseInstant(bundle.view.since)
  const have = new Set(input.coarse.filter((tile) => isValid(tile, input.commits)).map((tile) => tile.span.start))
  const bySpan = new Map<bigint, CommittedTiles[]>()
  for (const commit of input.commits)
    for (let index = floorDiv(commit.interval.start, lengthNs); index * lengthNs < commit.interval.end; index++) {
      const known = bySpan.get(index)
      if (known) known.push(commit)
      else bySpan.set(index, [commit])
    }
  const plans: CoarseTilePlan[] = []
  for (const [index, commits] of [...bySpan].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const span = { start: index * lengthNs, end: (index + 1n) * lengthNs }
    const from = span.start < since ? since : span.start
    const expected = (span.end - from + everyNs - 1n) / everyNs
    if (have.has(span.start) || BigInt(commits.length) < expected) continue
    if (!ranges.some((range) => holdsSpan(bundle, range, index))) continue
    const tiles = commits.flatMap((commit) => (commit.file === null ? [] : [commit.file]))
    plans.push({ span, tiles, commitIds: commits.map((commit) => commit.commitId) })
  }
  return plans
}

function rangesAt(bundle: ViewBundle, endNs: Instant): TileRange[] {
  const end = floorDiv(endNs, tileNs(bundle))
  return windowLengths(bundle).map((length) => windowTiles(bundle, length, end))
}

function isValid(tile: KnownCoarseTile, commits: readonly CommittedTiles[]): boolean {
  const current = commits.filter(({ interval }) => interval.start < tile.span.end && tile.span.start < interval.end)
  const ids = new Set(tile.commitIds)
  return current.length === ids.size && current.every((commit) => ids.has(commit.commitId))
}

/** Whether a part of the interval lies in the window and in no coarse span that is used there. */
function needsFine(bundle: ViewBundle, interval: Interval, range: TileRange, used: ReadonlySet<bigint>): boolean {
  const length = tileNs(bundle)
  const first = floorDiv(interval.start, length)
  const after = -floorDiv(-interval.end, length)
  const from = range.from !== null && range.from > first ? range.from : first
  const isBefore = (tile: bigint): boolean => tile < range.to && tile < after
  if (!isBefore(from)) return false
  if (used.size === 0) return true
  const ratio = coarseRatio(bundle)
  for (let index = floorDiv(from, ratio); isBefore(index * ratio); index++) if (!used.has(index)) return true
  return false
}
