/** What lies in a source now: listings of its partitions, joined with what footers say. Each footer is read once per (uri, etag). */
import type { SourceDefinition } from '../core/define/definitions.js'
import { isMillcourseError } from '../core/errors.js'
import { inParallel } from '../core/in-parallel.js'
import type { IndexedFile } from '../core/ports/ledger.js'
import {
  buildFooterQuery,
  fileFootersFrom,
  globPattern,
  globPrefix,
  indexName,
  listedPath,
  markerPath,
  partitionsOf,
  type SourceFile,
} from '../core/source/index.js'
import type { Interval } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'
import { currentFiles } from './current-files.js'
import { type ListedFile, listPartitions } from './list-partitions.js'
import { upstreamFiles } from './upstream-commits.js'

const headsAtOnce = 16
/** One file that cannot be read is found by opening those of its query one by one. */
const footersPerQuery = 64

type SourceDeps = Pick<ActivityDeps, 'sources' | 'engine' | 'ledger'>

/** Files that may hold rows of `range` (of a source built on a view, its commits): of its partitions, and any other whose footer the ledger knows to reach into it. */
export async function sourceFiles(deps: SourceDeps, source: SourceDefinition, range: Interval): Promise<SourceFile[]> {
  if (source.upstream) return await upstreamFiles(deps, source.upstream, range)
  const listed = await listPartitions(deps, listedPath(source), range)
  const footers = await readFooters(deps, source, listed)
  const own = listed.map((file): SourceFile => {
    const footer = footers.get(file.uri)
    return { ...file, eventMin: footer?.eventMin ?? null, eventMax: footer?.eventMax ?? null }
  })
  const isListed = new Set(own.map((file) => file.uri))
  const indexed = await deps.ledger.indexedFiles(indexName(source), range)
  const strays = indexed.filter((file) => file.eventMax !== null && !isListed.has(file.uri))
  const stillThere = await keepUnchanged(deps, strays)
  return [...own, ...stillThere.map((file) => ({ ...file, partition: null }))]
}

/** Paths of the markers of the range's partitions that are not there. */
export async function missingMarkers(
  deps: Pick<ActivityDeps, 'sources'>,
  source: SourceDefinition,
  range: Interval,
): Promise<string[]> {
  const { marker } = source.ready
  if (marker === null) return []
  const path = listedPath(source)
  const paths = new Set(partitionsOf(path, range).map((partition) => markerPath(path, partition, marker)))
  const found = await inParallel([...paths], headsAtOnce, async (one) => {
    if (globPrefix(one) === one) return (await deps.sources.head(one)) !== null
    const pattern = globPattern(one)
    for await (const file of deps.sources.list(globPrefix(one))) if (pattern.test(file.path)) return true
    return false
  })
  return [...paths].filter((_, index) => !found[index])
}

async function readFooters(
  deps: SourceDeps,
  source: SourceDefinition,
  files: readonly ListedFile[],
): Promise<Map<string, IndexedFile>> {
  if (files.length === 0) return new Map()
  const name = indexName(source)
  const known = await deps.ledger.indexedFilesByUri(
    name,
    files.map((file) => file.uri),
  )
  const etags = new Map(files.map((file) => [file.uri, file.etag]))
  const footers = new Map(known.filter((file) => etags.get(file.uri) === file.etag).map((file) => [file.uri, file]))
  const unread = files.filter((file) => !footers.has(file.uri))
  for (let at = 0; at < unread.length; at += footersPerQuery) {
    const read = await readNewFooters(deps, source, unread.slice(at, at + footersPerQuery))
    await deps.ledger.indexFiles(name, read)
    for (const file of read) footers.set(file.uri, file)
  }
  return footers
}

/** A file that cannot be read is left out: its partition counts, and the run that reads it says what is wrong. */
async function readNewFooters(
  deps: SourceDeps,
  source: SourceDefinition,
  files: readonly ListedFile[],
): Promise<IndexedFile[]> {
  if (files.length === 0) return []
  const query = buildFooterQuery(
    files.map((file) => file.uri),
    source.eventTime,
  )
  try {
    const rows = await deps.engine.withSession((session) => session.all(query), { isLight: true })
    const byUri = new Map(fileFootersFrom(rows, source).map((footer) => [footer.file, footer]))
    return await keepUnchanged(
      deps,
      files.flatMap(({ uri, etag, sizeBytes }) => {
        const footer = byUri.get(uri)
        return footer
          ? [{ uri, etag, sizeBytes, rows: footer.rows, eventMin: footer.eventMin, eventMax: footer.eventMax }]
          : []
      }),
    )
  } catch (error) {
    const atFault = isMillcourseError(error) ? error.detail.facts?.file : undefined
    const others = files.filter((file) => file.uri !== atFault)
    if (others.length === files.length) throw error
    return await readNewFooters(deps, source, others)
  }
}

/** A file swapped between its listing and the reading of its footer must not be indexed under its old etag. */
async function keepUnchanged(deps: SourceDeps, files: readonly IndexedFile[]): Promise<IndexedFile[]> {
  const now = await currentFiles(
    deps.sources,
    files.map((file) => file.uri),
  )
  return files.filter((file) => now.get(file.uri)?.etag === file.etag)
}
