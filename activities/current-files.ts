/** What known files are now. Many of one folder are asked for in one listing: S3 answers a thousand a request. */

import { inParallel } from '../core/in-parallel.js'
import type { Lake, LakeFile } from '../core/ports/lake.js'
import { compareBytes } from '../core/source/index.js'

const requestsAtOnce = 16
/** A listing is worth so many questions about single files. */
const filesWorthAListing = 8
/** So many others may lie among them before asking for each is cheaper. */
const strangersPerFile = 100

/** By URI; null: it is gone. */
export async function currentFiles(lake: Lake, uris: readonly string[]): Promise<Map<string, LakeFile | null>> {
  const found = new Map<string, LakeFile | null>()
  const folders = new Map<string, string[]>()
  for (const uri of new Set(uris)) {
    const folder = uri.slice(0, uri.lastIndexOf('/') + 1)
    const known = folders.get(folder)
    if (known) known.push(uri)
    else folders.set(folder, [uri])
  }
  await inParallel([...folders], requestsAtOnce, async ([folder, all]) => {
    const listed = all.length < filesWorthAListing ? null : await listAmong(lake, folder, all)
    for (const uri of listed ? all : []) found.set(uri, listed!.get(uri) ?? null)
  })
  const left = uris.filter((uri) => !found.has(uri))
  await inParallel(left, requestsAtOnce, async (uri) => {
    found.set(uri, await lake.head(uri))
  })
  return found
}

/** Null: too much else lies there. */
async function listAmong(lake: Lake, folder: string, uris: readonly string[]): Promise<Map<string, LakeFile> | null> {
  const sorted = [...uris].sort(compareBytes)
  const wanted = new Set(uris)
  const found = new Map<string, LakeFile>()
  let strangers = 0
  for await (const file of lake.list(folder, { from: sorted[0]!, below: `${sorted.at(-1)}\u{10ffff}` })) {
    const uri = lake.uri(file.path)
    if (wanted.has(uri)) found.set(uri, file)
    else if (++strangers > strangersPerFile * uris.length) return null
  }
  return found
}
