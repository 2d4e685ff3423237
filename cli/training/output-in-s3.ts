/** A training set in S3. Each object appears whole; of a folder of parts the manifest comes last, and says that all are there. */
import { isMillcourseError, MillcourseError } from '../../core/errors.js'
import type { Lake } from '../../core/ports/lake.js'
import type { CliContext } from '../context.js'
import { alreadyThere, draftName, isAbandonedDraft, refusal } from './output-file.js'
import { type TakeBack, takingBack } from './taking-back.js'
import {
  type AskedOutput,
  isPartName,
  manifestOf,
  partName,
  spineCopyIn,
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
  /** The spine's file; null: its rows are asked for. */
  readonly spine: string | null
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
  const place: Place = { lake, out, name, partRows, overwrite, spine }
  await checkFree(place)
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
async function checkFree({ lake, name, partRows, overwrite }: Place): Promise<void> {
  if (partRows !== null)
    for await (const { path } of lake.list(`${name}/`)) {
      if (!overwrite) throw alreadyThere(lake.uri(path))
      if (!isPartName(path.slice(name.length + 1)))
        throw refusal(lake.uri(path), 'this is no part of a training set, and would be lost', 'name another folder')
    }
  if (overwrite) return
  for (const taken of [...(partRows === null ? [name] : []), manifestOf(name)])
    if (await lake.head(taken)) throw alreadyThere(lake.uri(taken))
}

/** A draft, so that what is there stays until the new set is whole and hashed. */
function fileInS3(place: Place): TrainingOutput {
  const { lake, name, out, overwrite } = place
  const draft = draftName('draft.parquet')
  const drafts = { spine: `${draft}.spine.parquet`, manifest: manifestOf(draft) }
  return {
    name: out,
    partRows: null,
    draft: () => lake.uri(draft),
    partName: () => name,
    spineCopy: { name: (sha256) => lake.uri(spineCopyOf(name, sha256)), draft: lake.uri(drafts.spine) },
    async publish(manifest, { keptSpine }) {
      const old = overwrite ? await textOf(lake, manifestOf(name)) : null
      await takingBack(async (given) => {
        await checkFree(place)
        if (keptSpine !== null) await nameSpine(place, drafts.spine, keptSpine, given)
        await nameManifest(place, manifest, old, drafts.manifest, given)
        // The old set stays what it is until the new one takes its place, in one step.
        if (overwrite) await lake.replace(draft, name)
        else await promote(place, draft, name, given)
      })
      await removeOldSpine(place, old)
    },
    async discard() {
      for (const left of [draft, drafts.spine, drafts.manifest]) await lake.remove(left)
    },
  }
}

function folderInS3(place: Place, partRows: number): TrainingOutput {
  const { lake, name, out, overwrite } = place
  const folder = draftName('draft')
  const drafts = { spine: `${folder}.spine.parquet`, manifest: manifestOf(folder) }
  let asked = 0
  return {
    name: out,
    partRows,
    draft(part) {
      asked = Math.max(asked, part + 1)
      return lake.uri(`${folder}/${partName(part)}`)
    },
    partName,
    spineCopy: { name: (sha256) => lake.uri(spineCopyOf(name, sha256)), draft: lake.uri(drafts.spine) },
    async publish(manifest, { parts, keptSpine }) {
      const old = overwrite ? await textOf(lake, manifestOf(name)) : null
      await takingBack(async (given) => {
        await checkFree(place)
        if (keptSpine !== null) await nameSpine(place, drafts.spine, keptSpine, given)
        // Without its manifest the old set is none, and the new one is none until the last of it is there.
        if (overwrite) await clear(place)
        for (let part = 0; part < parts; part++)
          await promote(place, `${folder}/${partName(part)}`, `${name}/${partName(part)}`, given)
        await nameManifest(place, manifest, null, drafts.manifest, given)
      })
      await removeOldSpine(place, old)
    },
    async discard() {
      for (let part = 0; part < asked; part++) await lake.remove(`${folder}/${partName(part)}`)
      for (const left of Object.values(drafts)) await lake.remove(left)
    },
  }
}

/** What is there instead is somebody else's. */
async function promote({ lake }: Place, draft: string, to: string, given: TakeBack[]): Promise<void> {
  if ((await lake.promote(draft, to)) === 'exists') throw alreadyThere(lake.uri(to))
  given.push(() => lake.remove(to))
}

/** What already lies there has the same hash. */
async function nameSpine(place: Place, draft: string, sha256: string, given: TakeBack[]): Promise<void> {
  const { lake, name } = place
  const to = spineCopyOf(name, sha256)
  if ((await lake.promote(draft, to)) === 'written') given.push(() => removeUnnamed(place, to))
}

/** @param old what it takes the place of, in one step; null: nothing may be there */
async function nameManifest(
  { lake, name }: Place,
  text: string,
  old: string | null,
  draft: string,
  given: TakeBack[],
): Promise<void> {
  const to = manifestOf(name)
  const write = (path: string, content: string) => lake.writeIfAbsent(path, new TextEncoder().encode(content))
  const replace = async (content: string) => {
    await lake.remove(draft)
    await write(draft, content)
    await lake.replace(draft, to)
  }
  if (old !== null) await replace(text)
  else if ((await write(to, text)) === 'exists') throw alreadyThere(lake.uri(to))
  given.push(async () => {
    // Else it is somebody else's by now.
    if ((await textOf(lake, to)) !== text) return
    await (old === null ? lake.remove(to) : replace(old))
  })
}

/** Removes the set that is to be replaced. */
async function clear({ lake, name }: Place): Promise<void> {
  await lake.remove(manifestOf(name))
  const old: string[] = []
  for await (const { path } of lake.list(`${name}/`)) if (isPartName(path.slice(name.length + 1))) old.push(path)
  for (const path of old) await lake.remove(path)
}

async function removeOldSpine(place: Place, manifest: string | null): Promise<void> {
  const copy = spineCopyIn(manifest, place.lake.uri(place.name))
  if (copy !== null) await removeUnnamed(place, place.name + copy.slice(place.lake.uri(place.name).length))
}

/** The rows of a spine that no set has, and that this one is not made of. */
async function removeUnnamed({ lake, name, spine }: Place, copy: string): Promise<void> {
  const named = spineCopyIn(await textOf(lake, manifestOf(name)), lake.uri(name))
  if (![spine, named].includes(lake.uri(copy))) await lake.remove(copy)
}
