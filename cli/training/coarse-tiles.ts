/** Coarse tiles that a set may read in the place of many fine ones: they change how long it takes, never what it holds (R9). */
import { coveringSpan } from '../../core/compact/index.js'
import { type CoarseFile, usableCoarse } from '../../core/compute/index.js'
import type { ViewBundle } from '../../core/define/definitions.js'
import type { Lake } from '../../core/ports/lake.js'
import type { LedgerReader } from '../../core/ports/ledger.js'
import { parseInstant } from '../../core/time/instant.js'
import type { ManifestView, TrainingMode } from '../../core/training/index.js'
import { listPaths } from './list-paths.js'

/** Those of a view that stand for exactly the commits the set is made of, and that are there. */
export async function coarseFilesOf(
  ledger: LedgerReader,
  lake: Lake,
  bundle: ViewBundle,
  mode: TrainingMode,
  { version, view, files }: ManifestView,
): Promise<CoarseFile[]> {
  // Of the versions that past publishes read, coarse tiles stand for the last one at most.
  if (bundle.view.viewKind === 'lookup' || mode === 'as-published') return []
  const commits = files.map(({ commitId, start, end, path }) => ({
    commitId: BigInt(commitId),
    interval: { start: parseInstant(start), end: parseInstant(end) },
    file: path === null ? null : lake.uri(path),
  }))
  const span = coveringSpan(commits)
  if (span === null) return []
  const known = await ledger.coarseTiles({ view, version }, span)
  const there = await listPaths(
    lake,
    known.flatMap(({ data }) => data?.path ?? []),
  )
  const coarse = known
    .filter(({ data }) => data === null || there.has(data.path))
    .map(({ data, ...tile }) => ({ ...tile, file: data === null ? null : lake.uri(data.path) }))
  return usableCoarse({ bundle, commits, coarse })
}
