/** A spine's file: what it is, which columns it has, and from where it is read so that no time of it is rounded (R11). */
import { existsSync } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { extname, resolve } from 'node:path'
import {
  buildSpineColumnsQuery,
  makeExactCopies,
  spineColumnsFrom,
  type TrainingRequest,
} from '../../core/compute/index.js'
import { type ErrorCode, isMillcourseError, MillcourseError } from '../../core/errors.js'
import type { QuerySession } from '../../core/ports/query-engine.js'
import { whyUnreadable } from '../../core/source/index.js'
import { whyCsvUnreadable } from './why-csv-unreadable.js'

export type SpineFile = Pick<TrainingRequest['spine'], 'file' | 'format'>

/** @throws MillcourseError TRAINING_SPINE_INVALID */
export function findSpine(file: string): SpineFile {
  if (!existsSync(file))
    throw new MillcourseError('TRAINING_SPINE_INVALID', `there is no file ${file}`, {
      hint: '--spine names a Parquet or CSV file on this machine',
      facts: { file },
    })
  const extension = extname(file).toLowerCase()
  if (extension === '.csv' || extension === '.parquet')
    return { file: resolve(file), format: extension === '.csv' ? 'csv' : 'parquet' }
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
  const columns = spineColumnsFrom(spine.format, await session.all(buildSpineColumnsQuery(spine)))
  if (spine.format === 'csv') return { columns }
  const { size } = await stat(spine.file)
  const { types } = await makeExactCopies(
    [{ file: spine.file, columns }],
    columns.map(({ name }) => name),
    {
      all: (query) => session.all(query),
      keepFile: (name, parts) => session.keepFile(name, parts),
      open: (file) => ({ sizeBytes: size, read: (start, length) => readPart(file, start, length) }),
    },
  )
  const [read] = types
  return { columns: read?.columns ?? columns, ...(read?.readFrom === undefined ? {} : { readFrom: read.readFrom }) }
}

/** What is wrong with the spine is said of the spine: no producer writes it again, and no run waits for it. */
export async function namingSpine<T>(spine: SpineFile, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!isMillcourseError(error)) throw error
    if (spine.format === 'csv') throw (await explainCsv(spine, error)) ?? error
    if (error.code !== 'SOURCE_FILE_CORRUPT') throw error
    const { size: sizeBytes } = await stat(spine.file)
    const bytes = { sizeBytes, read: (start: number, length: number) => readPart(spine.file, start, length) }
    const why = await whyUnreadable(bytes, null)
    const what = why?.what ?? `cannot be read as Parquet: ${error.message.split(' cannot be read as Parquet: ').at(-1)}`
    throw new MillcourseError('TRAINING_SPINE_INVALID', `the spine ${spine.file} ${what}`, {
      cause: error.cause,
      hint: 'write the file again, complete and unencrypted; or give it as CSV',
      facts: { file: spine.file },
    })
  }
}

const csvFaults: readonly ErrorCode[] = ['COMPUTE_FAILED', 'SOURCE_FILE_CORRUPT', 'TRAINING_SPINE_INVALID']

/** Null: the file is a table, the error is about something else. The engine's words for the cause are many and guess at its options. */
async function explainCsv({ file }: SpineFile, error: MillcourseError): Promise<MillcourseError | null> {
  const why = csvFaults.includes(error.code) ? await whyCsvUnreadable(file) : null
  if (why === null) return null
  return new MillcourseError('TRAINING_SPINE_INVALID', `the spine ${file} ${why.what}`, {
    hint: 'write it as CSV in UTF-8: a line of names, then rows with as many fields; or give it as Parquet',
    facts: { file, ...(why.row === null ? {} : { row: why.row }) },
  })
}

async function readPart(file: string, start: number, length: number): Promise<Uint8Array> {
  const handle = await open(file, 'r')
  try {
    const { buffer, bytesRead } = await handle.read(new Uint8Array(length), 0, length, start)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}
