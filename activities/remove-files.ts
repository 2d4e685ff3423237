/**
 * What may go, goes: first what was marked long enough ago, then more is marked, which a later removal takes. Killed between a file and
 * the ledger's word on it, it removes the file once more, which is no error.
 */
import { compactionFolder, sequenceOfCachePath } from '../core/compact/index.js'
import type { Lake } from '../core/ports/lake.js'
import type { ViewKey } from '../core/ports/ledger.js'
import { noTelemetry } from '../core/ports/telemetry.js'
import type { ActivityDeps, FileKeeping } from './activity-deps.js'
import type { RemoveFilesResult } from './compaction-steps.js'
import { inParallel } from './in-parallel.js'

const removalsAtOnce = 16
const dayMs = 86_400_000
/** The grace is longer than any step that was told of a file before. */
export const keptByDefault: FileKeeping = {
  compactedKeptMs: 7 * dayMs,
  supersededKeptMs: 90 * dayMs,
  graceMs: 4 * 3_600_000,
}

interface Removed {
  files: number
  bytes: number
}

export function removeFiles(deps: ActivityDeps) {
  return async (key: ViewKey): Promise<RemoveFilesResult> => {
    const { ledger, lake, telemetry = noTelemetry } = deps
    const { compactedKeptMs, supersededKeptMs, graceMs } = deps.settings.retention ?? keptByDefault
    const { view } = await deps.registry.view(key.view, key.version)
    const removed: Removed = { files: 0, bytes: 0 }
    for (;;) {
      const { commits, compactionIds } = await ledger.markedFiles(key, graceMs)
      if (commits.length + compactionIds.length === 0) break
      await removeAll(lake, commits, removed)
      for (const id of compactionIds) await removeAll(lake, await listAll(lake, compactionFolder(key, id)), removed)
      await ledger.forgetFiles(key, { commitIds: commits.map(({ commitId }) => commitId), compactionIds })
    }
    await removeCacheFiles(deps, key, compactedKeptMs, removed)
    const marked = await ledger.markFiles(key, { compactedKeptMs, supersededKeptMs, isOnline: view.online })
    const labels = { view: key.view, version: String(key.version) }
    telemetry.count('millcourse_removed_files_total', labels, removed.files)
    return {
      filesRemoved: removed.files,
      bytesRemoved: removed.bytes,
      filesMarked: marked.commitFiles + marked.compactions,
    }
  }
}

/** Bases, deltas and coarse tiles that others have taken the place of, and that no publish under way can name. */
async function removeCacheFiles(deps: ActivityDeps, key: ViewKey, keptMs: number, removed: Removed): Promise<void> {
  // Listed before the ledger is asked what it names: a file that was made in between is not among them.
  const version = `${key.view}/v${key.version}/`
  const listed = [
    ...(await listAll(deps.lake, `published/${version}`)),
    ...(await listAll(deps.lake, `tiles/${version}coarse/`)),
  ]
  const { paths, settledSequence } = await deps.ledger.namedCacheFiles(key, keptMs)
  const named = new Set(paths)
  const orphans = listed.filter(({ path }) => {
    const sequence = sequenceOfCachePath(path)
    return sequence !== null && sequence < settledSequence && !named.has(path)
  })
  await removeAll(deps.lake, orphans, removed)
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
