/**
 * Committed files that are not what the ledger says they were when they were committed, whatever has become of their sources. A listing tells
 * those that are gone or of another size, however old. Another ETag says nothing (a bucket was copied), the same one not all (a file was changed
 * below the store): so many are read, and their digests compared, first those that are likely to be others.
 */
import type { CancelSignal } from '../core/ports/cancel-signal.js'
import type { Lake, LakeFile } from '../core/ports/lake.js'
import type { Commit } from '../core/ports/ledger.js'
import { drawByChance, drawNewestAndOthers, type FileFault } from '../core/quality/index.js'
import { compareBytes } from '../core/source/index.js'
import type { FilePlaces, PlacedFile } from './file-places.js'
import { inParallel } from './in-parallel.js'

/** Of one check: the rest is left to those that come, each of which draws others. */
const digestedMax = { files: 1_000, bytes: 1024 ** 3 }
/** Of files that no window reaches; those with another ETag, and the others. */
const olderMax = 100
const filesAtOnce = 4

export interface DamagedInput {
  /** What answers are merged from, and what training sets alone read. */
  readonly commits: readonly Commit[]
  readonly others: readonly Commit[]
  readonly places: FilePlaces
  readonly seed: number
  /** URIs of files at fault before. */
  readonly again: ReadonlySet<string>
}

/** By URI. */
export async function damagedFiles(
  lake: Lake,
  { commits, others, places, seed, again }: DamagedInput,
  signal: CancelSignal,
): Promise<ReadonlyMap<string, FileFault>> {
  const all = [...others, ...commits]
  const known = places.allOf(all, 'all')
  // What something else stands for may be removed meanwhile.
  const needed = places.allOf(all, 'placed')
  const found = await listed(lake, [...known.values()])
  const damaged = new Map<string, FileFault>()
  for (const [uri, { sizeBytes }] of known) {
    const now = found.get(uri)
    if (now === undefined && needed.has(uri)) damaged.set(uri, 'cannot be read')
    if (now !== undefined && sizeBytes > 0 && now.sizeBytes !== sizeBytes) damaged.set(uri, 'is not what was committed')
  }
  const isOpen = ({ uri, sha256 }: PlacedFile) => sha256 !== undefined && found.has(uri) && !damaged.has(uri)
  const left = [...known.values()].filter(isOpen)
  const reached = places.allOf(commits, 'all')
  const [near, older] = [left.filter(({ uri }) => reached.has(uri)), left.filter(({ uri }) => !reached.has(uri))]
  const isOther = ({ uri, etag }: PlacedFile) => found.get(uri)!.etag !== etag
  const nameOf = ({ uri }: PlacedFile) => uri
  const inOrder = [
    ...left.filter(({ uri }) => again.has(uri)),
    ...drawByChance(near.filter(isOther), digestedMax.files, seed, nameOf),
    ...drawByChance(older.filter(isOther), olderMax, seed, nameOf),
    ...drawNewestAndOthers(near, digestedMax.files, seed, nameOf),
    ...drawByChance(older, olderMax, seed, nameOf),
  ]
  await inParallel(fewOf([...new Set(inOrder)]), filesAtOnce, async ({ uri, sha256 }) => {
    if (signal.aborted) return
    const now = await lake.digest(uri)
    if (now !== null && now.sha256 !== sha256) damaged.set(uri, 'is not what was committed')
  })
  return damaged
}

/** One at least, of whatever size. */
function fewOf(files: readonly PlacedFile[]): PlacedFile[] {
  let bytes = 0
  return files.slice(0, digestedMax.files).filter(({ sizeBytes }, index) => {
    if (index > 0 && bytes + sizeBytes > digestedMax.bytes) return false
    bytes += sizeBytes
    return true
  })
}

/** By URI; one listing of each of the view's folders, a request a thousand files. */
async function listed(lake: Lake, files: readonly PlacedFile[]): Promise<ReadonlyMap<string, LakeFile>> {
  const folders = new Map<string, string[]>()
  for (const { uri } of files) {
    const folder = viewFolderOf(uri)
    const known = folders.get(folder)
    if (known) known.push(uri)
    else folders.set(folder, [uri])
  }
  const found = new Map<string, LakeFile>()
  for (const [folder, uris] of folders) {
    const sorted = uris.sort(compareBytes)
    for await (const file of lake.list(folder, { from: sorted[0]!, below: `${sorted.at(-1)}\u{10ffff}` }))
      found.set(lake.uri(file.path), file)
  }
  return found
}

/** `…/rows/VIEW/vN/`: all own files of a view lie in one, its compactions in another. */
function viewFolderOf(uri: string): string {
  return /^.*\/(?:rows|tiles|compacted)\/[^/]+\/v\d+\//.exec(uri)?.[0] ?? uri.slice(0, uri.lastIndexOf('/') + 1)
}
