/**
 * What runs have left in the lake beside what they committed: candidates that nobody can accept any more, parts that killed attempts wrote,
 * rejected rows. Killed between a file and the ledger's word on it, it looks once more, and finds nothing.
 */

import { inParallel } from '../core/in-parallel.js'
import type { ViewKey } from '../core/ports/ledger.js'
import type { RunFileRetention } from '../core/ports/run-files-ledger.js'
import type { ActivityDeps } from './activity-deps.js'

const foldersAtOnce = 16

export async function removeRunFiles(
  { ledger, lake }: Pick<ActivityDeps, 'ledger' | 'lake'>,
  key: ViewKey,
  { graceMs, ...kept }: RunFileRetention & { readonly graceMs: number },
): Promise<{ readonly files: number; readonly bytes: number }> {
  const removed = { files: 0, bytes: 0 }
  for (;;) {
    const folders = await ledger.markedRunFiles(key, graceMs)
    if (folders.length === 0) break
    await inParallel(folders, foldersAtOnce, async ({ room, runId }) => {
      const files = []
      for await (const file of lake.list(`${room}/${runId}/`)) files.push(file)
      for (const { path, sizeBytes } of files) {
        await lake.remove(path)
        removed.files++
        removed.bytes += sizeBytes
      }
    })
    await ledger.forgetRunFiles(key, folders)
  }
  await ledger.markRunFiles(key, kept)
  return removed
}
