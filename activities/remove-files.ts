/**
 * What may go, goes: first what was marked long enough ago, then more is marked, which a later removal takes; then the details of old runs.
 * Killed between a file and the ledger's word on it, it removes the file once more, which is no error.
 */
import { compactionFolder, sequenceOfCachePath } from '../core/compact/index.js'
import { inParallel } from '../core/in-parallel.js'
import type { CacheFile } from '../core/ports/compaction-ledger.js'
import type { Lake } from '../core/ports/lake.js'
import type { ViewKey } from '../core/ports/ledger.js'
import { noTelemetry } from '../core/ports/telemetry.js'
import type { ActivityDeps, FileKeeping } from './activity-deps.js'
import type { RemoveFilesResult } from './compaction-steps.js'
import { removeRunDetails } from './remove-run-details.js'
import { removeRunFiles } from './remove-run-files.js'

const removalsAtOnce = 16
const dayMs = 86_400_000
/** The grace is longer than any step that was told of a file before. */
export const keptByDefault: FileKeeping = {
  compactedKeptMs: 7 * dayMs,
  supersededKeptMs: 90 * dayMs,
  candidatesKeptMs: 14 * dayMs,
  quarantineKeptMs: 90 * dayMs,
  detailsKeptMs: 400 * dayMs,
  graceMs: 4 * 3_600_000,
}

interface Removed {
  files: number
  bytes: number
}

export function removeFiles(deps: ActivityDeps) {
  return async (key: ViewKey): Promise<RemoveFilesResult> => {
    const { ledger, lake, telemetry = noTelemetry } = deps
    const kept = { ...keptByDefault, ...deps.settings.retention }
    const { compactedKeptMs, supersededKeptMs, graceMs } = kept
    const { view } = await deps.registry.view(key.view, key.version)
    const removed: Removed = { files: 0, bytes: 0 }
    for (;;) {
      const { commits, compactionIds, cacheFiles } = await ledger.markedFiles(key, graceMs)
      if (commits.length + compactionIds.length + cacheFiles.length === 0) break
      await removeAll(lake, [...commits, ...cacheFiles], removed)
      for (const id of compactionIds) await removeAll(lake, await listAll(lake, compactionFolder(key, id)), removed)
      await ledger.forgetFiles(key, {
        commitIds: commits.map(({ commitId }) => commitId),
        compactionIds,
        cachePaths: cacheFiles.map(({ path }) => path),
      })
    }
    const cacheFiles = await ledger.markCacheFiles(key, await cacheFilesOf(lake, key), compactedKeptMs)
    const marked = await ledger.markFiles(key, { compactedKeptMs, supersededKeptMs, isOnline: view.online })
    const ofRuns = await removeRunFiles(deps, key, kept)
    removed.files += ofRuns.files
    removed.bytes += ofRuns.bytes
    // Last: a run's details stay until its files are known to be gone.
    const detailsRemoved = await removeRunDetails(deps, view, kept)
    const labels = { view: key.view, version: String(key.version) }
    telemetry.count('millcourse_removed_files_total', labels, removed.files)
    telemetry.count('millcourse_removed_run_details_total', labels, detailsRemoved)
    return {
      filesRemoved: removed.files,
      bytesRemoved: removed.bytes,
      filesMarked: marked.commitFiles + marked.compactions + cacheFiles,
      detailsRemoved,
    }
  }
}

/** Bases, deltas and coarse tiles, whoever names them: no list is kept of those that a publish wrote and never came to name. */
async function cacheFilesOf(lake: Lake, { view, version }: ViewKey): Promise<CacheFile[]> {
  const listed = [
    ...(await listAll(lake, `published/${view}/v${version}/`)),
    ...(await listAll(lake, `tiles/${view}/v${version}/coarse/`)),
  ]
  return listed.flatMap((file) => {
    const sequence = sequenceOfCachePath(file.path)
    return sequence === null ? [] : [{ ...file, sequence }]
  })
}

async function listAll(lake: Lake, prefix: string): Promise<{ path: string; sizeBytes: number }[]> {
  const found: { path: string; sizeBytes: number }[] = []
  for await (const { path, sizeBytes } of lake.list(prefix)) found.push({ path, sizeBytes })
  return found
}

async function removeAll(
  lake: Lake,
  files: readonly { readonly path: string; readonly sizeBytes: number }[],
  removed: Removed,
): Promise<void> {
  await inParallel([...files], removalsAtOnce, async ({ path, sizeBytes }) => {
    await lake.remove(path)
    removed.files++
    removed.bytes += sizeBytes
  })
}
