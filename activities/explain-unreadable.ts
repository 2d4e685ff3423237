import type { SourceDefinition } from '../core/define/definitions.js'
import { isMillcourseError, MillcourseError } from '../core/errors.js'
import type { QuerySession } from '../core/ports/query-engine.js'
import { whyUnreadable } from '../core/source/index.js'
import type { ActivityDeps } from './activity-deps.js'

/** The engine's words, whose first line our error quotes. */
const notUtf8 = 'is not valid UTF8'

/** What cannot be read is looked at once more, so that the error names the column, or says what the file is instead; and always whose file it is. */
export async function explainingUnreadable<T>(
  deps: Pick<ActivityDeps, 'sources'>,
  sourceOf: (file: string) => SourceDefinition,
  session: QuerySession,
  read: () => Promise<T>,
): Promise<T> {
  try {
    return await read()
  } catch (error) {
    const file = isMillcourseError(error) ? error.detail.facts?.file : undefined
    if (!isMillcourseError(error) || !error.code.startsWith('SOURCE_') || typeof file !== 'string') throw error
    const source = sourceOf(file)
    const why = error.code === 'SOURCE_FILE_CORRUPT' ? await explain(deps, source, session, file, error) : null
    throw why ?? naming(source, error)
  }
}

function naming({ name }: SourceDefinition, { code, message, detail }: MillcourseError): MillcourseError {
  return new MillcourseError(code, message, { ...detail, facts: { ...detail.facts, source: name } })
}

/** Null: nothing better is known than what the error says. */
async function explain(
  deps: Pick<ActivityDeps, 'sources'>,
  source: SourceDefinition,
  session: QuerySession,
  file: string,
  error: MillcourseError,
): Promise<MillcourseError | null> {
  const columns = source.schema.map(({ name }) => name)
  const found = await deps.sources.head(file)
  if (!found) return null
  const read = (start: number, length: number) => deps.sources.readRange(file, start, length)
  const why = await whyUnreadable({ sizeBytes: found.sizeBytes, read }, columns)
  const facts = (column: string | undefined) => ({ source: source.name, file, ...(column ? { column } : {}) })
  if (why)
    return new MillcourseError(why.code, `${file} ${why.what}`, {
      cause: error,
      hint: why.hint,
      facts: facts(why.column),
    })
  if ((await whyNotRead(session, 'SELECT count(*) AS chunks FROM parquet_metadata($1)', file)) !== null)
    return new MillcourseError('SOURCE_FILE_CORRUPT', `${file} has a footer that does not decode`, {
      ...{ cause: error, facts: facts(undefined) },
      hint: error.detail.hint ?? 'let the producer write the file again',
    })
  const broken = await firstBrokenColumn(session, file, columns)
  if (broken === null) return null
  const { column, why: what } = broken
  const isText = what.includes(notUtf8)
  return new MillcourseError(
    'SOURCE_FILE_CORRUPT',
    isText
      ? `${file} has a value of column "${column}" that is not UTF-8`
      : `${file} has pages of column "${column}" that do not decode`,
    {
      cause: error,
      hint: isText
        ? 'let the producer write the text as UTF-8, or declare what is no text as binary and let it be written so'
        : (error.detail.hint ?? 'let the producer write the file again'),
      facts: facts(column),
    },
  )
}

async function firstBrokenColumn(
  session: QuerySession,
  file: string,
  columns: readonly string[],
): Promise<{ readonly column: string; readonly why: string } | null> {
  for (const column of columns) {
    const name = `"${column.replaceAll('"', '""')}"`
    const sql = `SELECT max(hash(${name})) AS hash FROM read_parquet($1, hive_partitioning = false)`
    const why = await whyNotRead(session, sql, file)
    if (why !== null) return { column, why }
  }
  return null
}

/** Null: it can be read, or something else than the file is at fault. */
async function whyNotRead(session: QuerySession, sql: string, file: string): Promise<string | null> {
  try {
    await session.all({ sql, parameters: [file] })
    return null
  } catch (error) {
    return isMillcourseError(error) && error.code === 'SOURCE_FILE_CORRUPT' ? error.message : null
  }
}
