import type { SourceDefinition } from '../define/definitions.js'
import type { DimensionFiles } from './dimension-rows.js'
import type { FileTypes } from './file-types.js'
import { sourceRows } from './source-rows.js'
import type { Relation } from './sql-algebra.js'
import { type UpstreamRead, upstreamRows } from './upstream-rows.js'

export interface InputFiles {
  readonly own: readonly string[]
  readonly dimensions: DimensionFiles
  /** Committed files of the view that the rows come from, and the interval that is asked for; absent: there is no such view. */
  readonly upstream?: UpstreamRead
}

/** The rows of a source that is no query: of files, or of another view. */
export function drivingRows(
  source: SourceDefinition,
  files: InputFiles,
  types: readonly FileTypes[],
  isLocated: boolean,
): Relation {
  if (source.upstream && files.upstream) return upstreamRows(source, files.upstream, isLocated)
  return sourceRows(source, files.own, types, [], isLocated)
}
