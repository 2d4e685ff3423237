/** A training set in S3. Each object appears whole; of a folder of parts the manifest comes last, and says that all are there. */
import { isMillcourseError, MillcourseError } from '../../core/errors.js'
import type { Lake } from '../../core/ports/lake.js'
import type { CliContext } from '../context.js'
import { alreadyThere, draftName, isAbandonedDraft } from './output-file.js'
import {
  type AskedOutput,
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
}

/** @throws MillcourseError USAGE, LAKE_… */
export async function outputInS3(context: CliContext, asked: AskedOutput): Promise<TrainingOutput> {
  const { out, partRows, overwrite = false } = asked
  const shape =
    partRows === null ? /^(s3:\/\/[^/]+(?:\/.+)?)\/([^/]+\.parquet)$/i : /^(s3:\/\/[^/]+(?:\/.+)?)\/([^/]+)\/$/
  const [, root, name] = shape.exec(out) ?? []
  if (root === undefined || name === undefined)
    throw new MillcourseError('USAGE', `--out ${out}: a training set is a Parquet file, or a folder of them`, {
      hint: 'write it as s3://bucket/folder/name.parquet, or s3://bucket/name/',
      facts: { file: out },
    })
  const place: Place = { lake: await context.lakeAt(root), out, name, partRows, overwrite }
  await checkFree(place, root)
  await removeAbandoned(place.lake)
  return partRows === null ? fileInS3(place) : folderInS3(place, partRows)
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

async function checkFree({ lake, name, partRows, overwrite }: Place, root: string): Promise<void> {
  if (partRows !== null)
    for await (const { path } of lake.list(`${name}/`)) {
      if (!overwrite) throw alreadyThere(`${root}/${path}`)
      if (!isPartName(path.slice(name.length + 1)))
        throw alreadyThere(`${root}/${path}`, 'and is no part of a training set')
    }
  if (overwrite) return
  for (const taken of [...(partRows === null ? [name] : []), manifestOf(name), spineCopyOf(name)])
    if (await lake.head(taken)) throw alreadyThere(`${root}/${taken}`)
}

/** What the engine writes there appears whole; a draft is needed only to replace nothing. */
function fileInS3(place: Place): TrainingOutput {
  const { lake, name, out, overwrite } = place
  const unnamed = draftName('draft.parquet')
  const draft = overwrite ? name : unnamed
  const spineDraft = spineCopyOf(unnamed)
  return {
    name: out,
    partRows: null,
    draft: () => lake.uri(draft),
    partName: () => name,
    spineCopy: { name: lake.uri(spineCopyOf(name)), draft: lake.uri(spineDraft) },
    async publish(manifest, { hasSpineCopy }) {
      await naming(place, async (named) => {
        await named.spine(spineDraft, hasSpineCopy)
        await named.manifest(manifest)
        if (draft !== name) await named.promote(draft, name)
      })
    },
    async discard() {
      if (draft !== name) await lake.remove(draft)
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
  { lake, name, partRows, overwrite }: Place,
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
        if (!overwrite || partRows === null) return
        await lake.remove(manifestOf(name))
        const old: string[] = []
        for await (const { path } of lake.list(`${name}/`)) if (isPartName(path.slice(name.length + 1))) old.push(path)
        for (const path of old) await lake.remove(path)
      },
      async spine(draft, isThere) {
        if (overwrite) await lake.remove(spineCopyOf(name))
        if (isThere) await promote(draft, spineCopyOf(name))
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
