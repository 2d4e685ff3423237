/** A spine's file: what it is, which columns it has, and from where it is read so that no time of it is rounded (R11). */
import { extname, resolve } from 'node:path'
import {
  buildSpineColumnsQuery,
  buildSpineUnitsQuery,
  type FileTypes,
  makeExactCopies,
  refuseChangedColumns,
  spineColumnsFrom,
  type TrainingRequest,
  withSpineUnits,
} from '../../core/compute/index.js'
import { type ErrorCode, isMillcourseError, MillcourseError } from '../../core/errors.js'
import type { QuerySession } from '../../core/ports/query-engine.js'
import { whyUnreadable } from '../../core/source/index.js'
import type { CliContext } from '../context.js'
import { isInS3, partsOf, type StoredBytes, storedBytes, whyNotRead } from './stored-bytes.js'
import { whyCsvUnreadable } from './why-csv-unreadable.js'

export interface SpineFile extends Pick<TrainingRequest['spine'], 'file' | 'format'> {
  readonly bytes: StoredBytes
}

/** @throws MillcourseError TRAINING_SPINE_INVALID, LAKE_… */
export async function findSpine(context: Pick<CliContext, 'lakeAt'>, file: string): Promise<SpineFile> {
  const why = await whyNotRead(file)
  if (why !== null) {
    const ofFolder = `--spine names one file; of a folder of them: --spine-sql "SELECT * FROM '${file.replace(/\/+$/, '')}/*.parquet'"`
    throw new MillcourseError('TRAINING_SPINE_INVALID', `${file} ${why}`, {
      hint: why === 'is a folder' ? ofFolder : 'give this user the right to read it',
      facts: { file },
    })
  }
  const bytes = await storedBytes(context, file)
  if (bytes === null)
    throw new MillcourseError('TRAINING_SPINE_INVALID', `there is no file ${file}`, {
      hint: '--spine names a Parquet or CSV file on this machine or in S3; --spine-sql takes a query',
      facts: { file },
    })
  const extension = extname(file).toLowerCase()
  if (extension === '.csv' || extension === '.parquet')
    return { file: isInS3(file) ? file : resolve(file), format: extension === '.csv' ? 'csv' : 'parquet', bytes }
  throw new MillcourseError('TRAINING_SPINE_INVALID', `"${file}" is neither .parquet nor .csv`, {
    hint: 'give the file one of these endings; it says how the spine is read',
    facts: { file },
  })
}

/** @throws MillcourseError TRAINING_SPINE_INVALID, COMPUTE_SPILL_FULL */
export async function readSpineColumns(
  session: QuerySession,
  spine: SpineFile,
): Promise<Pick<TrainingRequest['spine'], 'columns' | 'readFrom'>> {
  const found = await session.all(buildSpineColumnsQuery(spine))
  const columns = spineColumnsFrom(spine.format, found)
  if (spine.format === 'csv') return { columns }
  refuseChangedColumns(found)
  const { types } = await makeExactCopies(
    [{ file: spine.file, columns }],
    columns.map(({ name }) => name),
    {
      all: (query) => session.all(query),
      keepFile: (name, parts) => session.keepFile(name, parts),
      open: () => spine.bytes,
    },
  )
  const [{ columns: read, readFrom }] = types as readonly [FileTypes]
  if (readFrom === undefined) return { columns: read }
  const units = buildSpineUnitsQuery(read, readFrom)
  return { columns: units === null ? read : withSpineUnits(read, await session.all(units)), readFrom }
}

/**
 * Its rows are those of its hash: what is written there meanwhile is another spine, whatever the engine has made of it.
 * @throws MillcourseError TRAINING_STATE_CHANGED, else what `work` throws
 */
export async function unchangedSpine<T>(spine: SpineFile, work: () => Promise<T>): Promise<T> {
  const refuse = (cause?: unknown) =>
    new MillcourseError('TRAINING_STATE_CHANGED', `the spine ${spine.file} was changed while it was read`, {
      ...(cause === undefined ? {} : { cause }),
      hint: 'write it beside and rename it when it is whole; then ask again',
      facts: { file: spine.file },
    })
  let done: T
  try {
    done = await work()
  } catch (error) {
    if (isMillcourseError(error) && !(await spine.bytes.isUnchanged())) throw refuse(error)
    throw error
  }
  if (!(await spine.bytes.isUnchanged())) throw refuse()
  return done
}

/** What is wrong with the spine is said of the spine: no producer writes it again, and no run waits for it. */
export async function namingSpine<T>(spine: SpineFile, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!isMillcourseError(error)) throw error
    if (spine.format === 'csv') throw (await explainCsv(spine, error)) ?? error
    if (error.code !== 'SOURCE_FILE_CORRUPT') throw error
    const why = await whyUnreadable(spine.bytes, null)
    const what = why?.what ?? `cannot be read as Parquet: ${error.message.split(' cannot be read as Parquet: ').at(-1)}`
    throw new MillcourseError('TRAINING_SPINE_INVALID', `the spine ${spine.file} ${what}`, {
      cause: error.cause,
      hint: 'write the file again, complete and unencrypted; or give it as CSV',
      facts: { file: spine.file },
    })
  }
}

const csvFaults: readonly ErrorCode[] = [
  'COMPUTE_FAILED',
  'COMPUTE_VALUE_OUT_OF_RANGE',
  'SOURCE_FILE_CORRUPT',
  'TRAINING_SPINE_INVALID',
]

/** Null: the file is a table, the error is about something else. The engine's words for the cause are many and guess at its options. */
async function explainCsv({ file, bytes }: SpineFile, error: MillcourseError): Promise<MillcourseError | null> {
  const why = csvFaults.includes(error.code) ? await whyCsvUnreadable(partsOf(bytes)) : null
  if (why === null) return null
  return new MillcourseError('TRAINING_SPINE_INVALID', `the spine ${file} ${why.what}`, {
    hint: 'write it as CSV in UTF-8: a line of names, then rows with as many fields; or give it as Parquet',
    facts: { file, ...(why.row === null ? {} : { row: why.row }) },
  })
}
