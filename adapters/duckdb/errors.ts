/** DuckDB's errors to ours. Its JavaScript errors carry only a message, whose first words name the kind; most do not name the file. */
import { compactedFileAdvice } from '../../core/compact/index.js'
import { type ErrorCode, isMillcourseError, MillcourseError } from '../../core/errors.js'
import { type HttpFault, httpFault } from './http-errors.js'

/** Opens one file the way the failed statement did; throws DuckDB's error when it cannot be read. */
export type ProbeFile = (uri: string, depth: 'footer' | 'pages') => Promise<void>

/** @param files what the session's statements have read so far, for the search of the one at fault */
export async function toMillcourseError(
  error: unknown,
  files: readonly string[],
  probe: ProbeFile,
): Promise<MillcourseError> {
  if (isMillcourseError(error)) return error
  const message = error instanceof Error ? error.message : String(error)
  const http = httpFault(message, files)
  if (http) return httpError(http, message, error)
  const limit = spillLimit(message)
  if (limit !== null) return spillLimitError(limit, error)
  const known = classify(message, files)
  if (known)
    return new MillcourseError(known.code, `${known.what}: ${firstLine(message)}`, {
      cause: error,
      hint: known.hint,
      ...(known.file === undefined ? {} : { facts: { file: known.file } }),
    })
  if (mayBeTheFiles(message)) {
    const atFault = (await findUnreadable(message, files, probe)) ?? namedMissing(message)
    if (atFault) return fileError(atFault, error)
  }
  // So the engine calls text that is no JSON, hexadecimal or time of the asked form; and what is no Parquet, which has been looked for.
  if (message.startsWith('Invalid Input Error')) return valueError(message, error)
  return new MillcourseError('COMPUTE_FAILED', `the query failed: ${firstLine(message)}`, {
    cause: error,
    hint: 'this is a fault of the query, not of the data; report it with the run id',
  })
}

const ofValue = {
  what: 'a value does not fit its type',
  hint: 'correct the value in the source, or declare a wider type',
}

function valueError(message: string, cause: unknown): MillcourseError {
  const { what, hint } = ofValue
  return new MillcourseError('COMPUTE_VALUE_OUT_OF_RANGE', `${what}: ${firstLine(message)}`, { cause, hint })
}

function httpError({ code, what, hint, file }: HttpFault, message: string, cause: unknown): MillcourseError {
  return new MillcourseError(code, `${file ?? 'a file in S3'} ${what}: ${firstLine(message)}`, {
    cause,
    hint: (code === 'SOURCE_FILE_MISSING' && file !== null ? compactedFileAdvice(file) : null) ?? hint,
    facts: file === null ? {} : { file },
  })
}

function classify(
  message: string,
  files: readonly string[],
): { readonly code: ErrorCode; readonly what: string; readonly hint: string; readonly file?: string } | null {
  // What is on its way to S3 waits in the spill folder, too.
  if (isDiskFull(message) && /duckdb_temp|\/upload-\d+\.parquet/.test(message))
    return {
      code: 'COMPUTE_SPILL_FULL',
      what: 'the disk of the spill folder is full',
      hint: 'make room there, or let MILLCOURSE_SPILL_DIR name a folder on a larger disk',
    }
  if (isDiskFull(message))
    return {
      code: 'LAKE_FULL',
      what: 'the lake has no space left',
      hint: 'free space or let retention remove old files',
    }
  if (message.startsWith('Out of Memory Error'))
    return {
      code: 'COMPUTE_OUT_OF_MEMORY',
      what: 'the query needs more memory than it may have',
      hint: 'raise MILLCOURSE_MEMORY_LIMIT, or make the interval shorter',
    }
  if (/^(Conversion Error|Out of Range Error)/.test(message)) return { code: 'COMPUTE_VALUE_OUT_OF_RANGE', ...ofValue }
  if (/^(IO|Permission) Error.*(Permission denied|Operation not permitted|Read-only file system)/s.test(message)) {
    const file = files.find((uri) => message.includes(uri))
    const said = { what: 'a file may not be opened', hint: 'give the worker access to it' }
    return file === undefined
      ? { code: 'LAKE_ACCESS_DENIED', ...said }
      : { code: 'SOURCE_ACCESS_DENIED', file, ...said }
  }
  return null
}

/** DuckDB calls it out of memory, with advice that names its own settings. What is used, in its words; null: it is something else. */
function spillLimit(message: string): string | null {
  if (!/max_temp_directory_size|offload data block/.test(message)) return null
  return /\(([^()]+) used\)/.exec(message)?.[1]?.replace('/', ' of ') ?? ''
}

function spillLimitError(used: string, cause: unknown): MillcourseError {
  const known = used === '' ? '' : `: ${used} in the spill folder`
  return new MillcourseError('COMPUTE_SPILL_FULL', `the query has spilled as much as it may${known}`, {
    cause,
    hint: 'raise MILLCOURSE_SPILL_LIMIT where the disk holds more, or MILLCOURSE_MEMORY_LIMIT, so that less is spilled',
    facts: { limit: 'MILLCOURSE_SPILL_LIMIT', ...(used === '' ? {} : { used }) },
  })
}

function isDiskFull(message: string): boolean {
  return /No space left on device|Disk quota exceeded/.test(message)
}

/** A binder's, parser's or catalog's error comes from the query's text, whatever lies in the files. */
function mayBeTheFiles(message: string): boolean {
  return !/^(Parser|Binder|Catalog|Constraint|Not implemented|Permission) Error/i.test(message)
}

/** Files that the message names are opened first; footers, which are quick, before pages. */
async function findUnreadable(message: string, files: readonly string[], probe: ProbeFile): Promise<Unreadable | null> {
  const named = files.filter((uri) => message.includes(uri))
  const inOrder = [...named, ...files.filter((uri) => !named.includes(uri))]
  for (const depth of ['footer', 'pages'] as const)
    for (const uri of inOrder) {
      try {
        await probe(uri, depth)
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error)
        // Too little memory to open it says nothing about the file; nor does a store that does not answer.
        if (spillLimit(why) === null && classify(why, files) === null && !isOutage(httpFault(why, [uri])))
          return { uri, why }
      }
    }
  return null
}

function isOutage(fault: HttpFault | null): boolean {
  return fault !== null && fault.code !== 'SOURCE_FILE_MISSING'
}

interface Unreadable {
  readonly uri: string
  readonly why: string
}

function namedMissing(message: string): Unreadable | null {
  const uri = /No files found that match the pattern "(.+)"/.exec(message)?.[1]
  return uri === undefined ? null : { uri, why: message }
}

function fileError(atFault: Unreadable, cause: unknown): MillcourseError {
  const { uri, why } = atFault
  if (/No files found|No such file|\(HTTP 404/.test(why))
    return new MillcourseError('SOURCE_FILE_MISSING', `${uri} is gone`, {
      cause,
      hint: compactedFileAdvice(uri) ?? 'it was removed while it was being read; the run plans again',
      facts: { file: uri },
    })
  return new MillcourseError('SOURCE_FILE_CORRUPT', `${uri} cannot be read as Parquet: ${firstLine(why)}`, {
    cause,
    hint:
      compactedFileAdvice(uri) ??
      'let the producer write the file again; the interval runs again by itself within the lookback',
    facts: { file: uri },
  })
}

function firstLine(message: string): string {
  return message.split('\n')[0]!.trim()
}
