/**
 * SQL that a person wrote. It runs in an instance of its own, where there is nothing to see or to change: DuckDB's own parser finds one
 * SELECT in it, and it goes on as a string, never as part of a statement of ours. Rows keep the order in which they are read there.
 */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type DuckDBConnection, DuckDBInstance, type DuckDBPreparedStatement, StatementType } from '@duckdb/node-api'
import { isMillcourseError, MillcourseError } from '../../core/errors.js'
import type { CancelSignal } from '../../core/ports/cancel-signal.js'
import type { DuckdbClient } from './client.js'
import { toMillcourseError } from './errors.js'
import { mayReadS3 } from './file-names.js'
import { Httpfs } from './httpfs.js'
import { interruptible, throwIfAborted } from './interruptible.js'
import { holdsSeconds, whyChanged } from './kept-types.js'
import { tellingProgress } from './progress.js'

export interface GuestQuery {
  readonly sql: string
  /** Where its result is written, as Parquet. */
  readonly file: string
  readonly onProgress: ((done: number) => void) | undefined
  readonly signal: CancelSignal | undefined
}

let guests = 0

/** @throws MillcourseError COMPUTE_FAILED (facts `line` and `column` where it is a place in the text), and what the engine throws */
export async function runGuestQuery(client: DuckdbClient, query: GuestQuery): Promise<{ readonly isOrdered: boolean }> {
  const folder = join(client.spillFolder, `guest-${guests++}`)
  await mkdir(folder, { recursive: true })
  try {
    const instance = await openGuest(client, folder)
    try {
      const connection = await prepareGuest(client, instance, folder, query.sql)
      return await interruptible(connection, query.signal, () => run(connection, query))
    } finally {
      instance.closeSync()
    }
  } catch (error) {
    throwIfAborted(query.signal)
    if (isMillcourseError(error)) throw error
    throw await guestError(query.sql, error)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function openGuest({ options }: DuckdbClient, folder: string): Promise<DuckDBInstance> {
  return DuckDBInstance.create(':memory:', {
    memory_limit: `${options.memoryLimitMb}MiB`,
    temp_directory: folder,
    ...(options.spillMaxMb === undefined ? {} : { max_temp_directory_size: `${options.spillMaxMb}MiB` }),
    threads: String(options.threads),
    preserve_insertion_order: 'true',
    errors_as_json: 'true',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    allow_community_extensions: 'false',
    allow_persistent_secrets: 'false',
    enable_external_file_cache: 'false',
  })
}

async function prepareGuest(
  { options }: DuckdbClient,
  instance: DuckDBInstance,
  folder: string,
  sql: string,
): Promise<DuckDBConnection> {
  const connection = await instance.connect()
  // R10: the machine's own zone never matters.
  await connection.run("SET GLOBAL TimeZone = 'UTC'")
  if (mayReadS3(sql)) {
    await new Httpfs(instance, folder, options.httpfsFile ?? null, options.s3 ?? null).makeReady()
    // Here `*` in a name means what it says in DuckDB's documentation.
    await connection.run('SET GLOBAL s3_url_compatibility_mode = false')
  }
  return connection
}

async function run(
  connection: DuckDBConnection,
  { sql, file, onProgress }: GuestQuery,
): Promise<{ readonly isOrdered: boolean }> {
  const seconds = await checkSelect(connection, sql)
  const isOrdered = await hasOrder(connection, sql)
  const rows = `SELECT * FROM query(${quoted(sql)})`
  // How rows fall into row groups then depends on no number of threads: the same rows are the same bytes.
  const numbered = `SELECT * EXCLUDE (${rowName}) FROM (SELECT *, row_number() OVER () AS ${rowName} FROM (${rows})) ORDER BY ${rowName}`
  try {
    await tellingProgress(connection, onProgress, () =>
      connection.run(`COPY (${isOrdered ? rows : numbered}) TO ${quoted(file)} (FORMAT parquet, COMPRESSION zstd)`),
    )
  } catch (error) {
    throw secondsError(seconds, error) ?? error
  }
  return { isOrdered }
}

/** Where the engine names no column. @param seconds columns in which a TIMESTAMP_S lies */
function secondsError(seconds: readonly string[], error: unknown): MillcourseError | null {
  const message = engineError(error)?.exception_message ?? ''
  if (!message.startsWith('Could not convert Timestamp(S)') || seconds.length === 0) return null
  const [first] = seconds
  const names = seconds.map((name) => `"${name}"`).join(' or ')
  return refusal(
    `gives a TIMESTAMP_S without a TIMESTAMP, infinity or too far off, in column ${names}`,
    `leave it out: CASE WHEN isfinite("${first}") THEN "${first}" END`,
    { column: seconds.join(', ') },
  )
}

const rowName = '__millcourse_row'

/** Columns in which a TIMESTAMP_S lies. */
async function checkSelect(connection: DuckDBConnection, sql: string): Promise<readonly string[]> {
  if (isEmpty(sql)) throw refusal('is empty', 'write a SELECT')
  const statements = await connection.extractStatements(sql)
  const statement = statements.count === 1 ? await statements.prepare(0) : null
  if (statement?.statementType !== StatementType.SELECT)
    throw refusal('is not one SELECT', 'one statement, which reads and changes nothing')
  if (statement.parameterCount > 0) throw refusal('has parameters, for which nothing is given', 'write their values')
  checkColumns(statement)
  const columns = Array.from({ length: statement.columnCount }, (_, index) => index)
  return columns
    .filter((index) => holdsSeconds(statement.columnType(index)))
    .map((index) => statement.columnName(index))
}

function checkColumns(statement: DuckDBPreparedStatement): void {
  const seen = new Map<string, string>([[rowName, rowName]])
  for (let index = 0; index < statement.columnCount; index++) {
    const name = statement.columnName(index)
    const twin = seen.get(name.toLowerCase())
    if (twin !== undefined)
      throw refusal(
        twin === rowName ? `has a column "${name}", a name of this program` : `has two columns "${name}"`,
        'give one of them another name: SELECT … AS other',
        { column: name },
      )
    seen.set(name.toLowerCase(), name)
    const type = statement.columnType(index)
    const changed = whyChanged(type)
    if (changed !== null)
      throw refusal(
        `has a column "${name}" of type ${type}, which Parquet cannot hold: ${changed.why}`,
        `cast it: ${changed.cast}`,
        { column: name },
      )
  }
}

/** By the parsed text, so that an ORDER BY inside of it, or in a comment, is none. What DuckDB cannot show as a tree counts as unordered. */
async function hasOrder(connection: DuckDBConnection, sql: string): Promise<boolean> {
  const read = await connection.runAndReadAll('SELECT json_serialize_sql($1::VARCHAR)', [sql])
  const tree = JSON.parse(String(read.getRows()[0]?.[0])) as {
    readonly statements?: readonly { readonly node?: { readonly modifiers?: readonly { readonly type: string }[] } }[]
  }
  return (tree.statements?.[0]?.node?.modifiers ?? []).some(({ type }) => type === 'ORDER_MODIFIER')
}

function isEmpty(sql: string): boolean {
  return sql.replaceAll(/--[^\n]*|\/\*.*?\*\//gs, '').replaceAll(/[\s;]/g, '') === ''
}

function refusal(what: string, hint: string, facts: Record<string, string | number> = {}): MillcourseError {
  return new MillcourseError('COMPUTE_FAILED', `the query ${what}`, { hint, facts })
}

interface EngineError {
  readonly exception_type: string
  readonly exception_message: string
  /** Byte of the text, from 0. */
  readonly position?: string
}

async function guestError(sql: string, error: unknown): Promise<MillcourseError> {
  const known = engineError(error)
  if (known === null) return await toMillcourseError(error, [], async () => {})
  const message = `${known.exception_type} Error: ${known.exception_message}`
  const mapped = await toMillcourseError(new Error(message, { cause: error }), [], async () => {})
  if (mapped.code !== 'COMPUTE_FAILED' && mapped.code !== 'SOURCE_FILE_MISSING') return mapped
  // Only of what is wrong with the text: a place in the data is not known.
  const place = known.position === undefined ? null : placeOf(sql, Number(known.position))
  const [what, ...more] = known.exception_message.split('\n').filter((line) => line.trim() !== '')
  const at = place === null ? '' : ` at line ${place.line}, column ${place.column}`
  return new MillcourseError('COMPUTE_FAILED', `the query is wrong${at}: ${what}`, {
    cause: error,
    hint:
      more[0]?.startsWith('Candidate bindings') || more[0]?.startsWith('Did you mean') ? more[0] : 'correct it there',
    facts: place ?? {},
  })
}

function engineError(error: unknown): EngineError | null {
  const message = error instanceof Error ? error.message : ''
  try {
    return JSON.parse(message.slice(message.indexOf('{'))) as EngineError
  } catch {
    return null
  }
}

/** Both from 1, in characters. */
function placeOf(sql: string, position: number): { readonly line: number; readonly column: number } {
  const before = Buffer.from(sql).subarray(0, position).toString().split('\n')
  return { line: before.length, column: [...before.at(-1)!].length + 1 }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
