/** The ledger's word on what a set is made of, and the lake's on whether it is there. */
import { compactedFileAdvice } from '../../core/compact/index.js'
import type { ViewBundle } from '../../core/define/definitions.js'
import { MillcourseError } from '../../core/errors.js'
import type { Compaction } from '../../core/ports/compaction-ledger.js'
import type { Lake } from '../../core/ports/lake.js'
import type { LedgerReader } from '../../core/ports/ledger.js'
import { formatInstant, type Instant, parseInstant } from '../../core/time/instant.js'
import {
  type ManifestView,
  neededCommits,
  type PinnedCommit,
  type PinnedCompaction,
  pathsReadFor,
  planPublishedReads,
  type SpineTimes,
  type StatePublish,
  type StateRead,
  type TrainingMode,
} from '../../core/training/index.js'
import type { FoundView } from './asked-set.js'
import { listPaths } from './list-paths.js'

/** Reads of one view, as few as answer it: one, but for `as-published`. */
export async function readViewState(
  ledger: LedgerReader,
  { view, ...rest }: ViewBundle,
  mode: TrainingMode,
  times: SpineTimes | null,
  now: Instant,
): Promise<readonly StateRead[]> {
  const bundle = { view, ...rest }
  const key = { view: view.name, version: view.version }
  if (mode === 'as-published')
    return planPublishedReads(bundle, await ledger.publishHistory(key, times?.max ?? now), times)
  const range = { start: parseInstant(view.since), end: now }
  const commits = range.start >= range.end ? [] : await ledger.currentCommits(key, range)
  const needed = neededCommits(bundle, mode, times, commits)
  return [
    {
      publishes: [],
      commits: needed.map(({ commitId, interval, data, held }) => ({
        ...{ commitId, interval, data, supersededBy: null },
        ...(held === undefined ? {} : { held }),
      })),
    },
  ]
}

/**
 * A view's entry in the manifest, its files not looked for yet. @param compactions asked for after the reads were
 * @throws MillcourseError TRAINING_FILES_REMOVED
 */
export function manifestView(
  found: FoundView,
  reads: readonly StateRead[],
  compactions: readonly Compaction[],
): ManifestView {
  const { bundle, alias, features, mapping } = found
  const commits = new Map(reads.flatMap((read) => read.commits.map((commit) => [commit.commitId, commit] as const)))
  const view: ManifestView = {
    view: bundle.view.name,
    version: bundle.view.version,
    definitionHash: bundle.definitionHash,
    alias,
    features: [...features],
    mapping: { ...mapping },
    reads: reads.map((read) => ({
      publishes: read.publishes.map(({ sequence, endAt, recordedAt, newestCommitId, held }) => ({
        sequence: String(sequence),
        endAt: formatInstant(endAt),
        recordedAt: formatInstant(recordedAt),
        newestCommitId: String(newestCommitId),
        ...heldEnds(held),
      })),
      commitIds: read.commits.map(({ commitId }) => String(commitId)),
    })),
    files: [...commits.values()]
      .toSorted((a, b) => (a.commitId < b.commitId ? -1 : 1))
      .map(({ commitId, interval, data, held }) => ({
        commitId: String(commitId),
        start: formatInstant(interval.start),
        end: formatInstant(interval.end),
        path: data?.path ?? null,
        rows: data?.rows ?? 0,
        sizeBytes: data?.sizeBytes ?? 0,
        etag: null,
        ...(held === undefined ? {} : { held: { features: [...held.features], isRejected: held.isRejected } }),
      })),
    compactions: compactions.map(pinnedCompaction),
  }
  const read = new Set(pathsReadFor(view))
  // It may lie in the lake still, but not for long: who was not told of it before it was marked has no time to read it.
  const lost = [...commits.values()].flatMap(({ data, isRemoved }) =>
    isRemoved && data !== null && read.has(data.path) ? [data.path] : [],
  )
  if (lost.length > 0) throw removed(view, commitsIn(view, new Set(lost)), lost)
  const used = view.compactions!.filter(({ files }) => files.some(({ path }) => read.has(path)))
  const { compactions: _, ...without } = view
  return used.length === 0 ? without : { ...without, compactions: used }
}

/** Those that are missing a part are shown at the publish's own end. */
function heldEnds(held: StatePublish['held'] = []) {
  const ends = held.filter(({ missing }) => missing.length === 0)
  return ends.length === 0 ? {} : { held: ends.map(({ features, endAt }) => ({ features: [...features], endAt })) }
}

function pinnedCompaction({ compactionId, commitIds, removedIds, files }: Compaction): PinnedCompaction {
  return {
    id: String(compactionId),
    commitIds: commitIds.map(String),
    removedIds: removedIds.map(String),
    files: files.map(({ path, bucket, sizeBytes }) => ({ path, bucket, sizeBytes, etag: null })),
  }
}

/**
 * The files that are read as they lie in the lake now, each with its ETag; one listing a folder. A file that already has one must still
 * have it.
 * @throws MillcourseError TRAINING_FILES_REMOVED
 */
export async function findFiles(lake: Lake, view: ManifestView): Promise<ManifestView> {
  const paths = pathsReadFor(view)
  const [read, there] = [new Set(paths), await listPaths(lake, paths)]
  const lost = new Set<string>()
  const look = <F extends { path: string; etag: string | null; sizeBytes: number }>(file: F): F => {
    if (!read.has(file.path)) return file
    const found = there.get(file.path)
    if (found === undefined || (file.etag !== null && found.etag !== file.etag)) lost.add(file.path)
    return { ...file, etag: found?.etag ?? null, sizeBytes: found?.sizeBytes ?? file.sizeBytes }
  }
  const files = view.files.map((file) =>
    file.path === null ? file : { ...file, ...look({ ...file, path: file.path }) },
  )
  const compactions = view.compactions?.map((one) => ({ ...one, files: one.files.map(look) }))
  if (lost.size > 0) {
    const areThere = [...lost].every((path) => there.has(path))
    throw removed(view, commitsIn(view, lost), [...lost], areThere ? writtenAgain : null)
  }
  return { ...view, files, ...(compactions === undefined ? {} : { compactions }) }
}

/** They are there, and others than those of the manifest by their ETags. */
const writtenAgain =
  'they were written anew, or put back from a backup: without --pinned the set is made of what is committed now'

/** What lies in these files. */
function commitsIn(view: ManifestView, paths: ReadonlySet<string>): PinnedCommit[] {
  const held = (view.compactions ?? [])
    .filter(({ files }) => files.some(({ path }) => paths.has(path)))
    .flatMap(({ commitIds }) => commitIds)
  const ids = new Set(held)
  return view.files.filter(({ commitId, path }) => ids.has(commitId) || (path !== null && paths.has(path)))
}

const shownMax = 5

function removed(
  view: ManifestView,
  gone: readonly PinnedCommit[],
  files: readonly string[],
  advice: string | null = null,
): MillcourseError {
  const intervals = [...new Set(gone.map(({ start, end }) => `[${start}, ${end})`))]
  const rest = intervals.length > shownMax ? ` and ${intervals.length - shownMax} more` : ''
  return new MillcourseError(
    'TRAINING_FILES_REMOVED',
    `of ${view.view}@v${view.version} the lake no longer holds what was committed for ${intervals.slice(0, shownMax).join(', ')}${rest}`,
    {
      hint:
        advice ??
        compactedFileAdvice(files[0]!) ??
        'superseded files are kept for a time only: leave out the rows of the spine that need them, or make the set from what is committed now',
      facts: { view: view.view, version: view.version, files: files.length, file: files[0]! },
    },
  )
}
