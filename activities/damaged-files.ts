/**
 * Committed files that are not what the ledger says they were when they were committed, whatever has become of their sources. A listing tells
 * those that are gone or of another size, however old. Another ETag says nothing (a bucket was copied), the same one not all (a file was changed
 * below the store): so many are read, and their digests compared, first those that are likely to be others.
 */

import { inParallel } from '../core/in-parallel.js'
import type { CancelSignal } from '../core/ports/cancel-signal.js'
import type { Lake, LakeFile } from '../core/ports/lake.js'
import type { Commit } from '../core/ports/ledger.js'
import { drawLots, type FileFault, type ReadLimit, shuffled } from '../core/quality/index.js'
import { compareBytes } from '../core/source/index.js'
import type { FilePlaces, PlacedFile } from './file-places.js'
import { digestIfReadable, digestsAtOnce, throwIfAway } from './unreadable-files.js'

/** Of one check: the rest is left to those that come, each of which draws others. */
export const digestedMax: ReadLimit = { files: 1_000, bytes: 1024 ** 3 }
/** Of that; what a kind leaves, those behind it have. The last eighth is for rows at fault (quality-look.ts). */
const shares = { standing: 1 / 4, named: 1 / 16, newest: 1 / 16, otherEtag: 1 / 8, any: 1 / 8 }
const newestMax = 16
/** Of the files that show whether the lake can be read. */
const witnessedNewestMax = 4

export interface DamagedInput {
  /** What answers are merged from, and what training sets alone read. */
  readonly commits: readonly Commit[]
  readonly others: readonly Commit[]
  readonly places: FilePlaces
  readonly seed: number
  /** What was found of whole files before, by their URIs. */
  readonly standing: ReadonlyMap<string, FileFault>
  /** URIs of all files that faults named. */
  readonly named: ReadonlySet<string>
  readonly limit: ReadLimit
}

export interface DamagedFiles {
  /** By URI. */
  readonly damaged: ReadonlyMap<string, FileFault>
  /** Of those the ones that this check had no turn to read: as they were found before. */
  readonly unread: ReadonlySet<string>
}

export async function damagedFiles(
  lake: Lake,
  { commits, others, places, seed, standing, named, limit }: DamagedInput,
  signal: CancelSignal,
): Promise<DamagedFiles> {
  const all = [...others, ...commits]
  const known = places.allOf(all)
  const reached = places.allOf(commits)
  const found = await listedTwice(lake, [...known.values()], newestFirst([...reached.keys()]))
  const damaged = new Map<string, FileFault>()
  for (const [uri, { sizeBytes }] of known) {
    const now = found.get(uri)
    // What may go is marked in the ledger, and named no more, hours before it does.
    if (now === undefined) damaged.set(uri, 'cannot be read')
    if (now !== undefined && sizeBytes > 0 && now.sizeBytes !== sizeBytes) damaged.set(uri, 'is not what was committed')
  }
  const isOpen = ({ uri, sha256 }: PlacedFile) => sha256 !== undefined && found.has(uri) && !damaged.has(uri)
  const open = [...known.values()].filter(isOpen)
  const drawn = drawLots(lotsOf(open, { found, reached, seed, standing, named }), limit)
  const uris = open.map(({ uri }) => uri)
  // What is old may be archived, all of it; among the others some may be at fault together.
  const witnesses = [
    ...newestFirst(uris.filter((uri) => reached.has(uri))).slice(0, witnessedNewestMax),
    ...shuffled(uris, seed, (uri) => uri),
  ]
  const unread = new Set(open.flatMap(({ uri }) => (standing.has(uri) ? [uri] : [])))
  await inParallel(drawn, digestsAtOnce, async ({ uri, sha256 }) => {
    if (signal.aborted) return
    const now = await digestIfReadable(lake, uri, witnesses)
    unread.delete(uri)
    if (now === 'cannot be read') damaged.set(uri, now)
    else if (now !== null && now.sha256 !== sha256) damaged.set(uri, 'is not what was committed')
  })
  // Nobody has seen that it is well again.
  for (const uri of unread) damaged.set(uri, standing.get(uri)!)
  return { damaged, unread }
}

/** Those first that are likely to be others; of each kind in an order of this check's own, so that each has its turn. */
function lotsOf(
  open: readonly PlacedFile[],
  {
    found,
    reached,
    seed,
    standing,
    named,
  }: Pick<DamagedInput, 'seed' | 'standing' | 'named'> & {
    readonly found: ReadonlyMap<string, LakeFile>
    readonly reached: ReadonlyMap<string, PlacedFile>
  },
) {
  const inOrder = shuffled(open, seed, ({ uri }) => uri)
  const isOther = ({ uri, etag }: PlacedFile) => found.get(uri)!.etag !== etag
  const near = inOrder.filter(({ uri }) => reached.has(uri))
  const older = inOrder.filter(({ uri }) => !reached.has(uri))
  return [
    { share: shares.standing, entries: inOrder.filter(({ uri }) => standing.has(uri)) },
    { share: shares.named, entries: inOrder.filter(({ uri }) => named.has(uri) && !standing.has(uri)) },
    { share: shares.newest, entries: open.filter(({ uri }) => reached.has(uri)).slice(-newestMax) },
    ...[near, older].flatMap((files) => [
      { share: shares.otherEtag, entries: files.filter(isOther) },
      { share: shares.any, entries: files },
    ]),
  ]
}

/**
 * By URI. Where some are gone they are looked for once more: a folder that is not mounted for a moment looks as if nothing lay in it.
 * @param others URIs of files that are likely to be readable
 * @throws MillcourseError LAKE_UNREACHABLE where none of the lake can be read
 */
async function listedTwice(
  lake: Lake,
  files: readonly PlacedFile[],
  others: readonly string[],
): Promise<ReadonlyMap<string, LakeFile>> {
  const found = await listed(lake, files)
  const gone = files.find(({ uri }) => !found.has(uri))
  if (gone === undefined) return found
  await throwIfAway(lake, gone.uri, [...others.filter((uri) => found.has(uri)), ...found.keys()])
  return await listed(lake, files)
}

const newestFirst = (uris: readonly string[]): string[] => uris.toReversed()

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
