/**
 * Files whose times the engine would round, or with a column of a name that the engine needs, are read from copies
 * (core/source/exact-times.ts). The copy lies in the session's spill folder; the pages are copied, not decoded, so that it costs a read
 * and a write of the file.
 */
import { isMillcourseError, MillcourseError } from '../errors.js'
import { exactTimesFile, type FileBytes } from '../source/index.js'
import { type FileColumn, type FileTypes, isRounded, roundedTypes } from './file-types.js'
import { printFilesOfSpark } from './print-duckdb.js'
import type { SqlQuery } from './sql-algebra.js'

export interface ExactCopyTools {
  open(file: string): FileBytes
  keepFile(name: string, parts: AsyncIterable<Uint8Array>): Promise<string>
  all(query: SqlQuery): Promise<readonly Readonly<Record<string, unknown>>[]>
}

export interface ExactCopies {
  readonly types: readonly FileTypes[]
  /** Errors of `work` that name a copy name the file instead. */
  readonly naming: <T>(work: () => Promise<T>) => Promise<T>
}

/**
 * @param columns names of the timestamp columns that are going to be read
 * @param needed names in lower case; columns that are called so in any case have another name in the copy (`FileColumn.readAs`)
 * @throws MillcourseError SOURCE_FILE_CORRUPT naming the file, and what the tools throw
 */
export async function makeExactCopies(
  types: readonly FileTypes[],
  columns: readonly string[],
  tools: ExactCopyTools,
  needed: readonly string[] = [],
): Promise<ExactCopies> {
  const origins = new Map<string, string>()
  const made: FileTypes[] = []
  for (const entry of await withoutSpark(types, columns, tools)) {
    const rounded = roundedOf(entry, columns)
    const renamed = renamedOf(entry, needed)
    if (rounded.length === 0 && renamed.size === 0) made.push(entry)
    else {
      const parts = exactTimesFile(tools.open(entry.file), rounded, renamed)
      const readFrom = await naming(new Map([['', entry.file]]), () =>
        tools.keepFile(`exact-times-${made.length}.parquet`, parts),
      )
      origins.set(readFrom, entry.file)
      made.push({ ...entry, columns: entry.columns.map((one) => withNewName(one, renamed)), readFrom })
    }
  }
  return { types: made, naming: (work) => naming(origins, work) }
}

function roundedOf(entry: FileTypes, columns: readonly string[]): string[] {
  return entry.columns.filter((column) => isRounded(column) && columns.includes(column.name)).map(({ name }) => name)
}

function renamedOf({ columns }: FileTypes, needed: readonly string[]): ReadonlyMap<string, string> {
  const taken = new Set(columns.map(({ name }) => name.toLowerCase()))
  const renamed = new Map<string, string>()
  for (const { name } of columns) {
    if (!needed.includes(name.toLowerCase())) continue
    let free = `${name}_of_file`
    while (taken.has(free.toLowerCase())) free = `${free}_`
    taken.add(free.toLowerCase())
    renamed.set(name, free)
  }
  return renamed
}

function withNewName(column: FileColumn, renamed: ReadonlyMap<string, string>): FileColumn {
  const readAs = renamed.get(column.name)
  return readAs === undefined ? column : { ...column, readAs }
}

/** Spark writes INT96, too, but of microseconds: nothing of it is rounded, and nothing has to be copied. */
async function withoutSpark(
  types: readonly FileTypes[],
  columns: readonly string[],
  tools: ExactCopyTools,
): Promise<readonly FileTypes[]> {
  const isInt96 = (entry: FileTypes) =>
    entry.columns.some(({ name, type }) => type === roundedTypes.int96 && columns.includes(name))
  const files = types.filter(isInt96).map(({ file }) => file)
  if (files.length === 0) return types
  const ofSpark = new Set((await tools.all(printFilesOfSpark(files))).map((row) => String(row.file_name)))
  return types.map((entry) =>
    ofSpark.has(entry.file)
      ? {
          ...entry,
          columns: entry.columns.map((column) =>
            column.type === roundedTypes.int96 ? { ...column, type: 'TIMESTAMP' } : column,
          ),
        }
      : entry,
  )
}

/** An error about no file at all is about the one that was being copied: origin of ''. */
async function naming<T>(origins: ReadonlyMap<string, string>, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!isMillcourseError(error)) throw error
    const { code, message, detail } = error
    const named = String(detail.facts?.file ?? '')
    const origin = code === 'SOURCE_FILE_CORRUPT' || named !== '' ? origins.get(named) : undefined
    if (origin === undefined) throw error
    const text = named === '' ? `${origin} cannot be read as Parquet: ${message}` : message.replaceAll(named, origin)
    throw new MillcourseError(code, text, { ...detail, facts: { ...detail.facts, file: origin } })
  }
}
