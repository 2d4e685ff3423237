/** What differs between the inputs of two runs, as a person asks it: which file is missing, which is new, which column is another. */
import type { Interval } from '../time/interval.js'
import { partitionsOf } from './partitions.js'
import type { FileSchema } from './schema-contract.js'

export interface InputFile {
  readonly uri: string
  readonly etag: string
  readonly sizeBytes: number
}

export interface RunInputs {
  readonly interval: Interval
  readonly files: readonly InputFile[]
}

export interface InputSize {
  readonly files: number
  readonly bytes: number
}

export interface FileChanges {
  readonly was: InputSize
  readonly is: InputSize
  /**
   * By name. Of another interval, names are compared as its partitions say them: `hour=04/part-1.parquet` stands for
   * `hour=05/part-1.parquet`. Null: no name occurs in both, as with files that are named at random.
   */
  readonly names: {
    readonly added: readonly string[]
    readonly removed: readonly string[]
    /** Same name, other content; of the same interval only. */
    readonly changed: readonly string[]
  } | null
}

/** @param path the source's path, with its time tokens */
export function compareInputs(path: string, was: RunInputs, is: RunInputs): FileChanges {
  const isSameInterval = was.interval.start === is.interval.start && was.interval.end === is.interval.end
  const prefixes = { was: literalPrefixes(path, was.interval), is: literalPrefixes(path, is.interval) }
  const before = new Map(was.files.map((file) => [nameAt(file.uri, prefixes.was, prefixes.is), file]))
  const after = new Map(is.files.map((file) => [nameAt(file.uri, prefixes.is, prefixes.is), file]))
  const shared = [...after.keys()].filter((name) => before.has(name))
  return {
    was: sizeOf(was.files),
    is: sizeOf(is.files),
    names:
      shared.length === 0
        ? null
        : {
            added: [...after.keys()].filter((name) => !before.has(name)).sort(),
            removed: [...before.keys()].filter((name) => !after.has(name)).sort(),
            changed: isSameInterval
              ? shared.filter((name) => before.get(name)?.etag !== after.get(name)?.etag).sort()
              : [],
          },
  }
}

function sizeOf(files: readonly InputFile[]): InputSize {
  return { files: files.length, bytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) }
}

/** What the names of each partition's files begin with, up to the first character of a glob. */
function literalPrefixes(path: string, interval: Interval): string[] {
  return partitionsOf(path, interval).map(({ glob }) => glob.replace(/[*?[].*$/s, ''))
}

/** The file's path as it would be called in `target`'s partitions; one that lies elsewhere (a late file) keeps its own. */
function nameAt(uri: string, own: readonly string[], target: readonly string[]): string {
  for (const [index, prefix] of own.entries()) {
    const at = prefix === '' ? -1 : uri.indexOf(prefix)
    const called = target[index]
    if (at >= 0 && called !== undefined) return called + uri.slice(at + prefix.length)
  }
  return uri
}

export interface ColumnChange {
  readonly column: string
  /** Null: was not there. */
  readonly was: string | null
  /** Null: is not there any more. */
  readonly is: string | null
  /** The first file it is so in, and how many more. */
  readonly file: string
  readonly filesMore: number
}

/** Columns of `is` that `was` did not have, or had as another type, or had in every file and are gone. */
export function compareSchemas(was: readonly FileSchema[], is: readonly FileSchema[]): ColumnChange[] {
  if (was.length === 0) return []
  const types = new Map<string, string[]>()
  for (const { columns } of was)
    for (const { name, type } of columns) types.set(name, [...(types.get(name) ?? []), type])
  const changes = new Map<string, ColumnChange>()
  for (const { file, columns } of is) {
    const gone = [...types].filter(([name, all]) => all.length === was.length && !columns.some((c) => c.name === name))
    const found = [
      ...gone.map(([column, all]) => ({ column, was: all[0] ?? null, is: null })),
      ...columns
        .filter(({ name, type }) => !types.get(name)?.includes(type))
        .map(({ name, type }) => ({ column: name, was: types.get(name)?.[0] ?? null, is: type })),
    ]
    for (const change of found) {
      const what = JSON.stringify(change)
      const known = changes.get(what)
      changes.set(what, known ? { ...known, filesMore: known.filesMore + 1 } : { ...change, file, filesMore: 0 })
    }
  }
  return [...changes.values()]
}
