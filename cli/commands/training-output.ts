/** Where a training set goes: a file here, or an object in S3. There whole or not at all, and nothing replaced that nobody said to replace. */
import { rm, stat } from 'node:fs/promises'
import { MillcourseError } from '../../core/errors.js'
import type { CliContext } from '../context.js'
import { alreadyThere, draftFor, outputFile, publishDraft } from './output-file.js'

export interface TrainingOutput {
  readonly name: string
  /** What the engine writes. */
  readonly draft: string
  /** Gives the finished draft its name. @throws MillcourseError USAGE, TRAINING_OUT_UNWRITABLE */
  publish(): Promise<void>
  sizeBytes(): Promise<number>
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
  const draft = draftFor(out)
  return {
    name: out,
    draft,
    publish: () => publishDraft(draft, out, asked.overwrite ?? false),
    sizeBytes: async () => (await stat(out)).size,
    discard: () => rm(draft, { force: true }),
  }
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
  if (!overwrite && (await lake.head(name))) throw alreadyThere(out)
  const draft = overwrite ? name : `.training-set-${process.pid}-${context.clock.now()}.draft.parquet`
  return {
    name: out,
    draft: lake.uri(draft),
    async publish() {
      if (draft !== name && (await lake.promote(draft, name)) === 'exists') throw alreadyThere(out)
    },
    sizeBytes: async () => (await lake.head(name))?.sizeBytes ?? 0,
    discard: async () => {
      if (draft !== name) await lake.remove(draft)
    },
  }
}
