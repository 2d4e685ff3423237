import type { Lake, LakeFile } from '../../core/ports/lake.js'

/** Those of the paths that are there: one listing a folder. */
export async function listPaths(lake: Lake, paths: readonly string[]): Promise<Map<string, LakeFile>> {
  const found = new Map<string, LakeFile>()
  const roots = new Map<string, string[]>()
  for (const path of paths) {
    const root = `${path.split('/').slice(0, 3).join('/')}/`
    roots.set(root, [...(roots.get(root) ?? []), path])
  }
  for (const [root, within] of roots) {
    const sorted = within.toSorted()
    // The last path itself is in the range, and nothing that lies behind it.
    const range = { from: sorted[0]!, below: `${sorted.at(-1)!}!` }
    for await (const file of lake.list(root, range)) found.set(file.path, file)
  }
  return found
}
