/** What a publish has to write, computed and kept in the lake before the first online write (R36). SQL: core/publish/delta-sql.ts. */
import {
  buildLatestRows,
  buildWindowValues,
  type CommittedFile,
  type CommittedTiles,
  chooseTileFiles,
  committedFiles,
  featureGroups,
  groupFilesOf,
  type LatestRowsInput,
  shownEnd,
  type TileFiles,
} from '../core/compute/index.js'
import type { ViewBundle } from '../core/define/definitions.js'
import { assert, isMillcourseError, MillcourseError } from '../core/errors.js'
import type { CancelSignal } from '../core/ports/cancel-signal.js'
import type { Commit, Publish } from '../core/ports/ledger.js'
import type { QuerySession } from '../core/ports/query-engine.js'
import {
  countClassesSql,
  createAllUnfinishedSql,
  createAnswersSql,
  createClassifiedSql,
  createHistoryKeysSql,
  createKeysSql,
  createLookedUpSql,
  createLookupAnswersSql,
  createPublishedSql,
  createRecentSql,
  createRoutesSql,
  createTouchedSql,
  createWantedSql,
  type DeltaFile,
  groupedRowsSql,
  groupedWindowsSql,
  hasFile,
  historyKeysTable,
  type KeyCounts,
  keyCountsFrom,
  publishedPath,
  readCountsSql,
  unfinishedTable,
  wantedTable,
  writeDeltaSql,
} from '../core/publish/index.js'
import type { Instant } from '../core/time/instant.js'
import { findCompactions } from './find-compactions.js'
import { makeCoarseTiles } from './publish-coarse-tiles.js'
import {
  isFileLost,
  type PublishContext,
  type PublishedState,
  readChecksum,
  readPublishedState,
  rebuildPublishedState,
} from './publish-state.js'

export interface Delta {
  readonly file: DeltaFile
  readonly counts: KeyCounts
  /** The cache was not there, or met as damaged: the table was scanned, and the ledger must not keep the cache's files. */
  readonly isRebuilt: boolean
}

/** Computes the delta of a publish that has just been opened, and writes its file. */
export async function computeDelta(context: PublishContext, signal: CancelSignal): Promise<Delta> {
  const { deps, bundle, columns, publish } = context
  const path = publishedPath(bundle.view, 'delta', publish)
  const unfinished = await usableUnfinished(context)
  const windows = bundle.view.viewKind === 'window' ? await windowFiles(context, signal) : null
  if (unfinished.files.length === 0 && !unfinished.isLost && isNothingToCompare(context, windows))
    return { file: { path, digest: '0-0', keys: 0, counts: noKeys }, counts: noKeys, isRebuilt: false }
  const { counts, isRebuilt } = await deps.engine.withSession(
    async (session) => {
      const run = (sql: string) => session.execute({ sql })
      await run(createKeysSql(columns, unfinishedTable, unfinished.files))
      const state = await readPublishedState(context, session)
      const isEveryKey = windows !== null || state.isRebuilt || unfinished.isLost
      const compare = (from: PublishedState) =>
        isEveryKey || from.isRebuilt
          ? compareAll(context, session, from, windows)
          : compareTouched(context, session, from)
      let isRebuilt = state.isRebuilt
      try {
        await compare(state)
      } catch (error) {
        // A cache file damaged behind its footer; a damaged data file fails again, by its own name.
        if (!isFileLost(error) || state.isRebuilt) throw error
        await compare(await rebuildPublishedState(context, session))
        isRebuilt = true
      }
      const isAll = isEveryKey || isRebuilt
      if (unfinished.isLost) await run(createAllUnfinishedSql(columns, await answersOfChanged(context)))
      await run(createClassifiedSql(columns, isAll))
      const [row] = await session.all({ sql: countClassesSql(isAll) })
      const counted = keyCountsFrom(row!, isAll)
      if (keysOf(counted) > 0) {
        await deps.lake.prepareWrite(path)
        await run(writeDeltaSql(columns, publish.sequence, deps.lake.uri(path), JSON.stringify(counted)))
      }
      return { counts: counted, isRebuilt }
    },
    { signal },
  )
  // A quiet hour leaves no file behind.
  if (keysOf(counts) === 0) return { file: { path, digest: '0-0', keys: 0, counts }, counts, isRebuilt }
  const { rows, digest } = await readChecksum(deps, path)
  assert(rows === keysOf(counts), 'the delta holds every key that is to be written')
  return { file: { path, digest, keys: rows }, counts, isRebuilt }
}

const noKeys: KeyCounts = { touched: 0, published: 0, unchanged: 0, superseded: 0, takenBack: 0, rewritten: 0 }

/**
 * Told by what the ledger knows of the files, so that a quiet hour costs no query: no file holds a key that this publish could answer,
 * nor one that it could take back. Of a window view those are its windows' tiles and everything online; of a lookup view, whose other
 * keys stay as they are, only what is covered and what that replaces. Keys of unfinished predecessors are the caller's to know.
 */
function isNothingToCompare(context: PublishContext, windows: readonly WindowGroup[] | null): boolean {
  const { publish } = context
  if (!context.isCacheUsable) return false
  if (windows === null) return [...publish.covered, ...publish.replaced].every(({ data }) => data === null)
  const isAnyTile = windows.some(
    ({ files: { tiles, coarse } }) => tiles.length > 0 || coarse.some(({ file }) => file !== null),
  )
  return !isAnyTile && publish.published?.files.length === 0
}

/** Of the delta: what is to be written. */
function keysOf({ published, takenBack, rewritten }: KeyCounts): number {
  return published + takenBack + rewritten
}

/** The delta that an earlier attempt recorded. @throws MillcourseError PUBLISH_DELTA_LOST */
export async function readRecordedDelta({ deps }: PublishContext, file: DeltaFile): Promise<Delta> {
  // What its first attempt met in the cache is not recorded: the merge meets it again.
  if (!hasFile(file)) return { file, counts: file.counts!, isRebuilt: false }
  const { digest } = await readChecksum(deps, file.path)
  if (digest !== file.digest)
    throw new MillcourseError('PUBLISH_DELTA_LOST', `${file.path} is not what was recorded`, {
      hint: 'nothing is lost: the next publish writes all keys anew',
      facts: { file: file.path },
    })
  const [row] = await deps.engine.withSession(
    (session) => session.all({ sql: readCountsSql(deps.lake.uri(file.path)) }),
    { isLight: true },
  )
  return { file, counts: JSON.parse(row!.counts as string) as KeyCounts, isRebuilt: false }
}

/** Every key's answer beside everything that is online. */
async function compareAll(
  context: PublishContext,
  session: QuerySession,
  state: PublishedState,
  windows: readonly WindowGroup[] | null,
): Promise<void> {
  const { bundle, columns, publish } = context
  const sql = windows === null ? await latestRowsSql(context, publish.current) : windowValuesSql(bundle, windows)
  await session.execute({ sql: createPublishedSql(columns, state.files, null) })
  await session.execute({ sql: createAnswersSql(columns, sql, bundle.view.viewKind) })
}

/** A lookup view's touched keys beside what is online for them. */
async function compareTouched(context: PublishContext, session: QuerySession, state: PublishedState): Promise<void> {
  const { bundle, columns, publish } = context
  const run = (sql: string) => session.execute({ sql })
  const rows = (input: Omit<LatestRowsInput, 'bundle'>) => buildLatestRows({ bundle, ...input }).sql
  const changed = [...publish.covered, ...publish.replaced]
  const starts = new Set(changed.map(({ interval }) => interval.start))
  const recent = publish.current.filter(({ interval }) => starts.has(interval.start))
  const isHistoryNeeded = bundle.source.eventId !== null
  const holding = publish.current.filter(({ held }) => held !== undefined).map(({ interval }) => interval)
  await run(createTouchedSql(columns, rows({ files: await filesOf(context, changed) })))
  await run(createWantedSql(columns))
  await run(createPublishedSql(columns, state.files, wantedTable))
  await run(createRecentSql(columns, rows({ files: await filesOf(context, recent) })))
  const affected = [...new Map(changed.map(({ interval }) => [interval.start, interval])).values()]
  await run(createRoutesSql(columns, affected, { isHistoryNeeded, holding }))
  await run(createHistoryKeysSql(columns))
  const [{ keys } = { keys: 0n }] = await session.all({ sql: `SELECT count(*) AS keys FROM ${historyKeysTable}` })
  await run(
    createLookedUpSql(columns, await latestRowsSql(context, keys === 0n ? [] : publish.current, historyKeysTable)),
  )
  await run(createLookupAnswersSql(columns))
}

/** R22: the newest row of each key; with features of older ones, where commits leave some out (R35). */
async function latestRowsSql(
  { deps, bundle, columns, publish }: PublishContext,
  commits: readonly Commit[],
  keysFrom?: string,
): Promise<string> {
  const compactions = await findCompactions(deps.ledger, publish, commits)
  const groups = featureGroups(bundle.view, commits).map((group) => ({
    features: group.features.map(({ name }) => name),
    sql: buildLatestRows({
      bundle,
      files: groupFilesOf(bundle, group, compactions, (path) => deps.lake.uri(path)),
      ...(keysFrom === undefined ? {} : { keysFrom }),
    }).sql,
  }))
  return columns.isHolding ? groupedRowsSql(bundle, groups) : groups[0]!.sql
}

/** R29; of features that are held alone at the ends that they are shown at (R35). */
function windowValuesSql(bundle: ViewBundle, groups: readonly WindowGroup[]): string {
  const answered = groups.map(({ features, endNs, files }) => ({
    ...{ features, isAtOlderEnd: endNs !== groups[0]!.endNs },
    sql: endNs === null ? null : buildWindowValues({ bundle, endNs, ...files }).sql,
  }))
  return answered.length === 1 ? answered[0]!.sql! : groupedWindowsSql(bundle, answered)
}

/** Each covered or replaced commit alone, at its own end: every key that an earlier publish may have answered from it. */
async function answersOfChanged(context: PublishContext): Promise<string[]> {
  const { bundle, publish } = context
  const changed = [...publish.covered, ...publish.replaced]
  if (bundle.view.viewKind === 'lookup')
    return [buildLatestRows({ bundle, files: await filesOf(context, changed) }).sql]
  const answers: string[] = []
  for (const commit of changed) {
    const tiles = await filesOf(context, [commit])
    answers.push(buildWindowValues({ bundle, endNs: commit.interval.end, tiles, coarse: [] }).sql)
  }
  return answers
}

interface WindowGroup {
  readonly features: readonly string[]
  /** Null: they were never shown. */
  readonly endNs: Instant | null
  readonly files: TileFiles
}

/** The first is of what is shown at E and of all commits; others are features that some of these leave out. */
async function windowFiles(context: PublishContext, signal: CancelSignal): Promise<WindowGroup[]> {
  const { deps, bundle, publish } = context
  const tilesOf = (of: readonly Commit[]) =>
    of.map(
      ({ commitId, interval, data }): CommittedTiles => ({
        commitId,
        interval,
        file: data === null ? null : deps.lake.uri(data.path),
      }),
    )
  const commits = tilesOf(publish.current)
  const known = publish.coarse.map(({ span, data, commitIds }) => ({
    span,
    file: data === null ? null : deps.lake.uri(data.path),
    commitIds,
  }))
  const compactions = (await findCompactions(deps.ledger, publish, publish.current)).map((one) => ({
    ...one,
    files: one.files.map((file) => ({ ...file, path: deps.lake.uri(file.path) })),
  }))
  const made = await makeCoarseTiles(context, signal, { commits, compactions }, known)
  const coarse = [...known, ...made]
  const filesAt = (endNs: Instant, of: readonly CommittedTiles[]) =>
    chooseTileFiles({ bundle, endNs, commits: of, compactions, coarse })
  const [first, ...others] = featureGroups(bundle.view, publish.current)
  return [
    { features: first!.features.map(({ name }) => name), endNs: publish.endAt, files: filesAt(publish.endAt, commits) },
    ...others.flatMap((group) =>
      endsOf(publish, group.features).map(({ features, endNs }): WindowGroup => {
        const files = endNs === null ? { tiles: [], coarse: [] } : filesAt(endNs, tilesOf(group.commits))
        return { features, endNs, files }
      }),
    ),
  ]
}

/** Features that lack the same commits may reach them differently far back. */
function endsOf(
  { held, endAt }: Publish,
  features: readonly { readonly name: string }[],
): { readonly features: readonly string[]; readonly endNs: Instant | null }[] {
  const ends = new Map<Instant | null, string[]>()
  for (const { name } of features) {
    const { endAt: end } = shownEnd(held, name, endAt)
    ends.set(end, [...(ends.get(end) ?? []), name])
  }
  return [...ends].map(([endNs, names]) => ({ features: names, endNs }))
}

/** Keys of unfinished predecessors; a lost file means that any key may have been written (R36). */
async function usableUnfinished(
  context: PublishContext,
): Promise<{ readonly files: readonly string[]; readonly isLost: boolean }> {
  const { deps, publish } = context
  const files: string[] = []
  let isLost = false
  for (const { path, digest } of publish.unfinished.filter(hasFile)) {
    const found = await readChecksum(deps, path).catch((error: unknown) => {
      if (isMillcourseError(error) && error.code === 'PUBLISH_DELTA_LOST') return null
      throw error
    })
    if (found?.digest === digest) files.push(deps.lake.uri(path))
    else isLost = true
  }
  return { files, isLost }
}

async function filesOf({ deps, publish }: PublishContext, commits: readonly Commit[]): Promise<CommittedFile[]> {
  const compactions = await findCompactions(deps.ledger, publish, commits)
  return committedFiles(commits, compactions, (path) => deps.lake.uri(path))
}
