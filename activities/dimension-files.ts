/** The files of a query's dimensions that rows of an interval may see: no later ones, so that the future of a dimension re-opens nothing. */
import type { SourceDefinition, SourceDimension } from '../core/define/definitions.js'
import { dimensionSpan, dimensionsOf, filesOf, type SourceFile } from '../core/source/index.js'
import type { Interval } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'
import { sourceFiles } from './source-files.js'

export interface DimensionFile extends SourceFile {
  readonly alias: string
}

/** @returns for intervals inside `range`, the files each sees, in byte order */
export async function listDimensions(
  deps: Pick<ActivityDeps, 'sources' | 'engine' | 'ledger'>,
  source: SourceDefinition,
  range: Interval,
): Promise<(interval: Interval) => DimensionFile[]> {
  const listed: (readonly [SourceDimension, readonly SourceFile[]])[] = []
  for (const dimension of dimensionsOf(source))
    listed.push([dimension, await sourceFiles(deps, dimension.source, dimensionSpan(dimension, range))])
  return (interval) =>
    listed.flatMap(([dimension, files]) =>
      filesOf(files, dimensionSpan(dimension, interval)).map((file) => ({ ...file, alias: dimension.alias })),
    )
}
