/** The way a run goes from source files to its own file, once more, for some keys and as many intervals as are asked. */
import { type ExactCopies, type ExactCopyTools, makeExactCopies } from '../compute/exact-copies.js'
import { buildEmptyFilesQuery, buildFileTypesQuery, fileTypesFrom, withEmptyFiles } from '../compute/file-types.js'
import { buildIntervalQuery } from '../compute/interval-query.js'
import { placeNames } from '../compute/source-rows.js'
import { commitPlace, type UpstreamRead } from '../compute/upstream-rows.js'
import type { ViewBundle } from '../define/definitions.js'
import type { PinnedFile } from '../plan/index.js'
import { dimensionsOf, isCommitUri, rowSource, startOfCommitUri } from '../source/index.js'
import { endOfTime, type Instant, parseInstant } from '../time/instant.js'
import type { AnswerTools } from './compute-answers.js'
import { createRowsAt, createSourceRows, type Place, placesTable } from './source-row.js'

/** A query session, and how bytes of a source file are read. */
export interface RecomputeTools extends AnswerTools, ExactCopyTools {
  execute(query: { readonly sql: string }): Promise<void>
}

/** Where a file is read: itself, or a copy of it whose times the engine does not round; a commit of another view by its interval's start. */
export interface ReadPlaces {
  pathOf(uri: string): string
  /** Path of a copy -> URI of the file, or of the commit. */
  readonly origins: ReadonlyMap<string, string>
}

/**
 * Table `rows`: all rows of these files that have one of the keys.
 * @param files those with an `alias` are of that dimension of the view's query, none of the rows'; of another view its commits
 * @param keys table of `createKeys`
 * @param upstream where these commits are read, of each row one; their rows alone are there
 */
export async function readSourceRows(
  tools: RecomputeTools,
  bundle: ViewBundle,
  files: readonly { readonly uri: string; readonly alias?: string }[],
  keys: string,
  rows: string,
  upstream: readonly UpstreamRead[] = [],
): Promise<ReadPlaces> {
  const [commits, inSources] = [
    files.filter(({ uri }) => isCommitUri(uri)),
    files.filter(({ uri }) => !isCommitUri(uri)),
  ]
  const urisOf = (of?: string) => [...new Set(inSources.filter(({ alias }) => alias === of).map(({ uri }) => uri))]
  const dimensions = Object.fromEntries(dimensionsOf(bundle.source).map(({ alias }) => [alias, urisOf(alias)]))
  const copies = await readTypes(tools, bundle, [...new Set(inSources.map(({ uri }) => uri))])
  await copies.naming(async () => {
    const read = { own: urisOf(), dimensions, upstream }
    for (const statement of createSourceRows(bundle, read, copies.types, keys, rows)) await tools.execute(statement)
  })
  const readFrom = new Map([
    ...copies.types.map(({ file, readFrom }) => [file, readFrom ?? file] as const),
    ...commits.map(({ uri }) => [uri, commitPlace(startOfCommitUri(uri))] as const),
  ])
  return {
    pathOf: (uri) => readFrom.get(uri) ?? uri,
    origins: new Map([...readFrom].map(([file, path]) => [path, file])),
  }
}

/** What intervals are made of: files that are their own, and files looked at for redelivered events alone (R19). */
export interface PinnedInterval {
  readonly interval: { readonly start: Instant }
  readonly pinned: readonly { readonly uri: string; readonly role: PinnedFile['role'] }[]
}

export function placesOf(
  intervals: readonly PinnedInterval[],
  { pathOf }: ReadPlaces,
): { readonly places: readonly Place[]; readonly within: readonly string[] } {
  return {
    places: intervals.flatMap(({ interval, pinned }) =>
      pinned
        .filter(({ role }) => role === 'own')
        .map(({ uri }): Place => ({ file: pathOf(uri), intervalStart: interval.start })),
    ),
    within: [
      ...new Set(
        intervals.flatMap(({ pinned }) =>
          pinned.filter(({ role }) => role !== 'dimension').map(({ uri }) => pathOf(uri)),
        ),
      ),
    ],
  }
}

/**
 * A file as runs commit them, of all intervals at once: rows stay in their own, and so do tiles.
 * @param rows table of `readSourceRows`
 * @param at null: of all its rows
 * @returns its path; it goes with the session
 */
export async function writeRecomputed(
  tools: RecomputeTools,
  bundle: ViewBundle,
  rows: string,
  prefix: string,
  at: { readonly places: readonly Place[]; readonly within: readonly string[] } | null,
): Promise<string> {
  const [own, within] = [ownTable(prefix), `${prefix}_within`]
  const none = { places: [], within: [] }
  if (at !== null)
    for (const statement of createRowsAt(bundle, rows, { places: at.places }, own)) await tools.execute(statement)
  for (const statement of createRowsAt(bundle, rows, at ?? none, within)) await tools.execute(statement)
  const query = buildIntervalQuery({
    bundle,
    // Each row's own interval is told by its place.
    interval: { start: parseInstant(bundle.view.since), end: endOfTime },
    files: { own: [], within: [] },
    fileTypes: [],
    rowsFrom: { own: at === null ? rows : own, within },
    prefix,
  })
  for (const statement of query.statements) await tools.execute(statement)
  const file = await tools.keepFile(`${prefix}.parquet`, nothing())
  await tools.execute({ sql: `COPY (${query.output}) TO '${file.replaceAll("'", "''")}' (FORMAT parquet)` })
  for (const statement of query.cleanup) await tools.execute(statement)
  return file
}

const ownTable = (prefix: string): string => `${prefix}_own`

/** Table of the places that `writeRecomputed` was given under this prefix. */
export const recomputedPlaces = (prefix: string): string => placesTable(ownTable(prefix))

/** The engine writes over it: what is kept goes with the session. */
async function* nothing(): AsyncIterable<Uint8Array> {}

async function readTypes(tools: RecomputeTools, bundle: ViewBundle, uris: readonly string[]): Promise<ExactCopies> {
  const sources = [rowSource(bundle.source), ...dimensionsOf(bundle.source).map((one) => one.source)]
  const times = sources
    .flatMap(({ schema }) => schema)
    .filter(({ kind }) => kind === 'timestamp')
    .map(({ name }) => name)
  if (uris.length === 0) return { types: [], naming: (work) => work() }
  const types = fileTypesFrom(await tools.all(buildFileTypesQuery(uris)))
  const empties = buildEmptyFilesQuery(types)
  const known = empties === null ? types : withEmptyFiles(types, await tools.all(empties))
  return makeExactCopies(known, times, tools, placeNames)
}
