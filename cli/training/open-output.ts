import { MillcourseError } from '../../core/errors.js'
import type { CliContext } from '../context.js'
import { outputHere } from './output-here.js'
import { outputInS3 } from './output-in-s3.js'
import { isInS3 } from './stored-bytes.js'
import type { AskedOutput, TrainingOutput } from './training-output.js'

/** So many rows of a hundred features are some hundred megabytes. */
export const partRowsByDefault = 1_000_000

/**
 * @param spine its file; null: there is none yet
 * @throws MillcourseError USAGE before the minutes of work that would end in it
 */
export async function openOutput(
  context: CliContext,
  asked: { readonly out: string; readonly overwrite?: boolean; readonly partitionRows?: number },
  spine: string | null,
): Promise<TrainingOutput> {
  const { out, partitionRows } = asked
  const isFolder = out.endsWith('/') || (partitionRows !== undefined && !/\.parquet$/i.test(out))
  if (partitionRows !== undefined && !isFolder)
    throw new MillcourseError('USAGE', `--partition-rows makes a folder of parts, and --out ${out} is one file`, {
      hint: 'name a folder: --out train/',
      facts: { file: out },
    })
  const given: AskedOutput = {
    out: isFolder ? out.replace(/\/*$/, '/') : out,
    overwrite: asked.overwrite ?? false,
    partRows: isFolder ? (partitionRows ?? partRowsByDefault) : null,
  }
  return isInS3(out) ? outputInS3(context, given, spine) : outputHere(given, spine)
}
