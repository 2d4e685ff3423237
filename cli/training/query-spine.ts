/** A spine that is the result of a query: its rows are kept, and are read like a file's from then on. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { type ErrorCode, isMillcourseError, MillcourseError } from '../../core/errors.js'
import type { QuerySession } from '../../core/ports/query-engine.js'
import type { CliContext } from '../context.js'
import { namingOutput } from './output-file.js'
import type { SpineFile } from './read-spine.js'
import { storedBytes, whyNotRead } from './stored-bytes.js'

export interface QueriedSpine extends SpineFile {
  /** The query says in which order its rows come. */
  readonly isOrdered: boolean
}

/** `--spine-sql`: a query, or the name of a file that holds one. @throws MillcourseError TRAINING_SPINE_INVALID */
export async function spineQuery(asked: string): Promise<string> {
  if (!/^\S.*\.sql$/i.test(asked.trim()) || asked.includes('\n')) return asked
  const file = asked.trim()
  const why = await whyNotRead(file)
  if (why === null && existsSync(file)) return await readFile(file, 'utf8')
  throw new MillcourseError('TRAINING_SPINE_INVALID', why === null ? `there is no file ${file}` : `${file} ${why}`, {
    hint: '--spine-sql takes a SELECT, or the name of a .sql file that holds one',
    facts: { file },
  })
}

/**
 * @param to where its rows stay; null: as long as the session
 * @throws MillcourseError TRAINING_SPINE_INVALID with the facts `line` and `column` where it is a place in the query, COMPUTE_…
 */
export async function readQuerySpine(
  context: CliContext,
  session: QuerySession,
  sql: string,
  to: string | null,
): Promise<QueriedSpine> {
  const step = (done?: number) => context.progress.update('asking for the spine', done)
  step()
  const keep = () => session.keepQuery(sql, to, step)
  const { file, isOrdered } = await namingQuery(() => (to === null ? keep() : namingOutput(to, keep)))
  return { file, isOrdered, format: 'parquet', bytes: (await storedBytes(context, file))! }
}

/** Of the query and what it reads, not of the product's own work. */
const queryFaults: readonly ErrorCode[] = [
  'COMPUTE_FAILED',
  'COMPUTE_VALUE_OUT_OF_RANGE',
  'SOURCE_ACCESS_DENIED',
  'SOURCE_FILE_CORRUPT',
  'SOURCE_FILE_MISSING',
]

async function namingQuery<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!isMillcourseError(error) || !queryFaults.includes(error.code)) throw error
    const { cause, hint, facts } = error.detail
    throw new MillcourseError('TRAINING_SPINE_INVALID', `the spine cannot be asked for: ${error.message}`, {
      cause: cause ?? error,
      hint: error.code === 'COMPUTE_FAILED' && hint !== undefined ? hint : 'correct the query, or what it reads',
      ...(facts === undefined ? {} : { facts }),
    })
  }
}
