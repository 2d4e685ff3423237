/** Where a training set goes: a file here, or an object in S3. There whole or not at all, and nothing replaced that nobody said to replace. */
import { existsSync } from 'node:fs'
import { rm, stat, writeFile } from 'node:fs/promises'
import { MillcourseError } from '../../core/errors.js'
import type { CliContext } from '../context.js'
import { alreadyThere, draftFor, namingOutput, outputFile, publishDraft, removeAbandonedDrafts } from './output-file.js'

export interface TrainingOutput {
  readonly name: string
  /** What the engine writes. */
  readonly draft: string
  /** Of the finished draft. */
  draftBytes(): Promise<number>
  /**
   * Gives the manifest its name and then the finished draft: a set that is there has its manifest.
   * @throws MillcourseError USAGE, TRAINING_OUT_UNWRITABLE
   */
  publish(manifest: string): Promise<void>
  /** Whatever is left of the draft. */
  discard(): Promise<void>
}

interface AskedOutput {
  readonly out: string
  readonly overwrite?: boolean
}

/** @throws MillcourseError USAGE before the minutes of work that would end in it */
export async function openOutput(context: CliContext, asked: AskedOutput, spine: string): Promise<TrainingOutput> {
  if (asked.out.startsWith('s3://')) return outputInS3(context, asked)
  const out = outputFile(asked, spine)
  await removeAbandonedDrafts(out)
  const draft = draftFor(out)
  const manifestDraft = `${draft}.manifest.json`
  const overwrite = asked.overwrite ?? false
  const discard = async () => {
    await Promise.all([rm(draft, { force: true }), rm(manifestDraft, { force: true })])
  }
  if (!overwrite && existsSync(manifestOf(out))) throw alreadyThere(manifestOf(out))
  return {
    name: out,
    draft,
    draftBytes: async () => (await stat(draft)).size,
    async publish(manifest) {
      await namingOutput(draft, () => writeFile(manifestDraft, manifest, { flush: true }))
      await publishDraft(manifestDraft, manifestOf(out), overwrite)
      try {
        await publishDraft(draft, out, overwrite)
      } catch (error) {
        // What is there now is somebody else's: this is not its manifest.
        if (!overwrite) await rm(manifestOf(out), { force: true })
        throw error
      }
    },
    discard,
  }
}

export function manifestOf(out: string): string {
  return `${out}.manifest.json`
}

/** What the engine writes there appears whole; a draft is needed only to replace nothing. */
async function outputInS3(context: CliContext, { out, overwrite = false }: AskedOutput): Promise<TrainingOutput> {
  const [, folder, name] = /^(s3:\/\/[^/]+(?:\/.+)?)\/([^/]+\.parquet)$/i.exec(out) ?? []
  if (folder === undefined || name === undefined)
    throw new MillcourseError('USAGE', `--out ${out}: a training set is one Parquet file`, {
      hint: 'write it as s3://bucket/folder/name.parquet',
      facts: { file: out },
    })
  const lake = await context.lakeAt(folder)
  for (const taken of overwrite ? [] : [name, manifestOf(name)])
    if (await lake.head(taken)) throw alreadyThere(`${folder}/${taken}`)
  const draft = overwrite ? name : `.training-set-${process.pid}-${context.clock.now()}.draft.parquet`
  return {
    name: out,
    draft: lake.uri(draft),
    draftBytes: async () => (await lake.head(draft))?.sizeBytes ?? 0,
    async publish(manifest) {
      if (overwrite) await lake.remove(manifestOf(name))
      if ((await lake.writeIfAbsent(manifestOf(name), new TextEncoder().encode(manifest))) === 'exists')
        throw alreadyThere(manifestOf(out))
      if (draft === name || (await lake.promote(draft, name)) === 'written') return
      await lake.remove(manifestOf(name))
      throw alreadyThere(out)
    },
    discard: async () => {
      if (draft !== name) await lake.remove(draft)
    },
  }
}
