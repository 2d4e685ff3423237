/** A training set in S3. Each object appears whole; of a folder of parts the manifest comes last, and says that all are there. */
import { isMillcourseError, MillcourseError } from '../../core/errors.js'
import type { Lake } from '../../core/ports/lake.js'
import type { CliContext } from '../context.js'
import { alreadyThere, draftName, isAbandonedDraft, refusal, refuseOtherCopy } from './output-file.js'
import {
  type AskedOutput,
  isCopyOf,
  isPartName,
  manifestOf,
  partName,
  spineCopyOf,
  type TrainingOutput,
} from './training-output.js'

interface Place {
  readonly lake: Lake
  /** As it was asked for. */
  readonly out: string
  /** Below the lake's root: of the file, or of the folder without its slash. */
  readonly name: string
  readonly partRows: number | null
  readonly overwrite: boolean
  /** The rows of a spine that lie beside it are those of the set that is replaced. */
  readonly hasOldCopy: boolean
  /** The new set is made of them. */
  readonly isCopyRead: boolean
}

/** @throws MillcourseError USAGE, LAKE_… */
export async function outputInS3(
  context: CliContext,
  asked: AskedOutput,
  spine: string | null,
): Promise<TrainingOutput> {
  const { out, partRows, overwrite = false } = asked
  const shape =
    partRows === null ? /^(s3:\/\/[^/]+(?:\/.+)?)\/([^/]+\.parquet)$/i : /^(s3:\/\/[^/]+(?:\/.+)?)\/([^/]+)\/$/
  const [, root, name] = shape.exec(out) ?? []
  if (root === undefined || name === undefined)
    throw new MillcourseError('USAGE', `--out ${out}: a training set is a Parquet file, or a folder of them`, {
      hint: 'write it as s3://bucket/folder/name.parquet, or s3://bucket/name/',
      facts: { file: out },
    })
  const lake = await context.lakeAt(root)
  const isSpine = partRows === null ? spine === lake.uri(name) : spine?.startsWith(`${lake.uri(name)}/`)
  if (isSpine)
    throw refusal(
      out,
      partRows === null ? 'this is the spine, which would be lost' : 'the spine lies there, and would be lost',
      'name another',
    )
  const copy = lake.uri(spineCopyOf(name))
  const hasOldCopy = overwrite && isCopyOf(await textOf(lake, manifestOf(name)), copy)
  const place: Place = { lake, out, name, partRows, overwrite, hasOldCopy, isCopyRead: spine === copy }
  await checkFree(place, spine === null)
  await removeAbandoned(place.lake)
  return partRows === null ? fileInS3(place) : folderInS3(place, partRows)
}

/** Null: there is none. */
async function textOf(lake: Lake, path: string): Promise<string | null> {
  return (await lake.head(path)) === null ? null : new TextDecoder().decode(await lake.read(path))
}

/** What processes of this machine left there that were killed in the middle; who may not list or delete there only writes. */
async function removeAbandoned(lake: Lake): Promise<void> {
  try {
    const left: string[] = []
    for await (const { path } of lake.list(draftName(null))) if (isAbandonedDraft(path)) left.push(path)
    for (const path of left) await lake.remove(path)
  } catch (error) {
    if (!isMillcourseError(error) || error.code !== 'LAKE_ACCESS_DENIED') throw error
  }
}

/** @throws MillcourseError USAGE: something is there that nobody said to replace, or that is of no set */
async function checkFree({ lake, name, partRows, overwrite, hasOldCopy }: Place, hasSpineCopy: boolean): Promise<void> {
  if (partRows !== null)
    for await (const { path } of lake.list(`${name}/`)) {
      if (!overwrite) throw alreadyThere(lake.uri(path))
      if (!isPartName(path.slice(name.length + 1)))
        throw refusal(lake.uri(path), 'this is no part of a training set, and would be lost', 'name another folder')
    }
  const copy = spineCopyOf(name)
  if (overwrite && hasSpineCopy && !hasOldCopy && (await lake.head(copy))) refuseOtherCopy(lake.uri(copy))
  if (overwrite) return
  for (const taken of [...(partRows === null ? [name] : []), manifestOf(name), copy])
    if (await lake.head(taken)) throw alreadyThere(lake.uri(taken))
}

/** A draft, so that what is there stays until the new set is whole and hashed. */
function fileInS3(place: Place): TrainingOutput {
  const { lake, name, out, overwrite } = place
  const draft = draftName('draft.parquet')
  const spineDraft = spineCopyOf(draft)
  return {
    name: out,
    partRows: null,
    draft: () => lake.uri(draft),
    partName: () => name,
    spineCopy: { name: lake.uri(spineCopyOf(name)), draft: lake.uri(spineDraft) },
    async publish(manifest, { hasSpineCopy }) {
      await naming(place, async (named) => {
        await checkFree(place, hasSpineCopy)
        // The old set stays what it is until the new one takes its place, in one step.
        if (overwrite) await lake.replace(draft, name)
        await named.spine(spineDraft, hasSpineCopy)
        await named.manifest(manifest)
        if (!overwrite) await named.promote(draft, name)
      })
    },
    async discard() {
      await lake.remove(draft)
      await lake.remove(spineDraft)
    },
  }
}

function folderInS3(place: Place, partRows: number): TrainingOutput {
  const { lake, name, out } = place
  const folder = draftName('draft')
  const spineDraft = spineCopyOf(folder)
  let asked = 0
  return {
    name: out,
    partRows,
    draft(part) {
      asked = Math.max(asked, part + 1)
      return lake.uri(`${folder}/${partName(part)}`)
    },
    partName,
    spineCopy: { name: lake.uri(spineCopyOf(name)), draft: lake.uri(spineDraft) },
    async publish(manifest, { parts, hasSpineCopy }) {
      await naming(place, async (named) => {
        await checkFree(place, hasSpineCopy)
        // Without its manifest the old set is none, and the new one is none until the last of it is there.
        await named.clear()
        await named.spine(spineDraft, hasSpineCopy)
        for (let part = 0; part < parts; part++)
          await named.promote(`${folder}/${partName(part)}`, `${name}/${partName(part)}`)
        await named.manifest(manifest)
      })
    },
    async discard() {
      for (let part = 0; part < asked; part++) await lake.remove(`${folder}/${partName(part)}`)
      await lake.remove(spineDraft)
    },
  }
}

interface Naming {
  /** Removes the set that is to be replaced. */
  clear(): Promise<void>
  promote(draft: string, name: string): Promise<void>
  spine(draft: string, isThere: boolean): Promise<void>
  manifest(text: string): Promise<void>
}

/** Takes back the names that were given where one of them could not be: what is there instead is somebody else's. */
async function naming(
  { lake, name, overwrite, hasOldCopy, isCopyRead }: Place,
  work: (named: Naming) => Promise<void>,
): Promise<void> {
  const given: string[] = []
  const give = async (to: string, outcome: 'written' | 'exists') => {
    if (outcome === 'exists') throw alreadyThere(lake.uri(to))
    given.push(to)
  }
  const promote = async (draft: string, to: string) => give(to, await lake.promote(draft, to))
  try {
    await work({
      promote,
      async clear() {
        if (!overwrite) return
        await lake.remove(manifestOf(name))
        const old: string[] = []
        for await (const { path } of lake.list(`${name}/`)) if (isPartName(path.slice(name.length + 1))) old.push(path)
        for (const path of old) await lake.remove(path)
      },
      async spine(draft, isThere) {
        const to = spineCopyOf(name)
        if (isThere && hasOldCopy) await lake.replace(draft, to)
        else if (isThere) await promote(draft, to)
        else if (hasOldCopy && !isCopyRead) await lake.remove(to)
      },
      async manifest(text) {
        const to = manifestOf(name)
        if (overwrite) await lake.remove(to)
        await give(to, await lake.writeIfAbsent(to, new TextEncoder().encode(text)))
      },
    })
  } catch (error) {
    for (const path of given) await lake.remove(path)
    throw error
  }
}
