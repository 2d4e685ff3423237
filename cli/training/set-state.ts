/** The ledger's word on what a set is made of, and the lake's on whether it is there. */
import type { ViewBundle } from '../../core/define/definitions.js'
import { MillcourseError } from '../../core/errors.js'
import type { Lake, LakeFile } from '../../core/ports/lake.js'
import type { LedgerReader } from '../../core/ports/ledger.js'
import { formatInstant, type Instant, parseInstant } from '../../core/time/instant.js'
import {
  type ManifestView,
  neededCommits,
  type PinnedCommit,
  planPublishedReads,
  type SpineTimes,
  type StateRead,
  type TrainingMode,
} from '../../core/training/index.js'
import type { FoundView } from './asked-set.js'

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
      commits: needed.map(({ commitId, interval, data }) => ({ commitId, interval, data, supersededBy: null })),
    },
  ]
}

/** A view's entry in the manifest, its files not looked for yet. */
export function manifestView(found: FoundView, reads: readonly StateRead[]): ManifestView {
  const { bundle, alias, features, mapping } = found
  const commits = new Map(reads.flatMap((read) => read.commits.map((commit) => [commit.commitId, commit] as const)))
  return {
    view: bundle.view.name,
    version: bundle.view.version,
    definitionHash: bundle.definitionHash,
    alias,
    features: [...features],
    mapping: { ...mapping },
    reads: reads.map((read) => ({
      publishes: read.publishes.map(({ sequence, endAt, recordedAt, newestCommitId }) => ({
        sequence: String(sequence),
        endAt: formatInstant(endAt),
        recordedAt: formatInstant(recordedAt),
        newestCommitId: String(newestCommitId),
      })),
      commitIds: read.commits.map(({ commitId }) => String(commitId)),
    })),
    files: [...commits.values()]
      .toSorted((a, b) => (a.commitId < b.commitId ? -1 : 1))
      .map(({ commitId, interval, data }) => ({
        commitId: String(commitId),
        start: formatInstant(interval.start),
        end: formatInstant(interval.end),
        path: data?.path ?? null,
        rows: data?.rows ?? 0,
        sizeBytes: data?.sizeBytes ?? 0,
        etag: null,
      })),
  }
}

/**
 * The files as they lie in the lake now, each with its ETag; one listing a view. A file that already has one must still have it.
 * @throws MillcourseError TRAINING_FILES_REMOVED
 */
export async function findFiles(lake: Lake, view: ManifestView): Promise<ManifestView> {
  const paths = view.files.flatMap(({ path }) => (path === null ? [] : [path]))
  const there = await listPaths(lake, paths)
  const gone: PinnedCommit[] = []
  const files = view.files.map((file): PinnedCommit => {
    if (file.path === null) return file
    const found = there.get(file.path)
    if (found === undefined || (file.etag !== null && found.etag !== file.etag)) gone.push(file)
    return { ...file, etag: found?.etag ?? null, sizeBytes: found?.sizeBytes ?? file.sizeBytes }
  })
  if (gone.length > 0) throw removed(view, gone)
  return { ...view, files }
}

async function listPaths(lake: Lake, paths: readonly string[]): Promise<Map<string, LakeFile>> {
  const found = new Map<string, LakeFile>()
  const roots = new Map<string, string[]>()
  for (const path of paths) {
    const root = `${path.split('/').slice(0, 3).join('/')}/`
    roots.set(root, [...(roots.get(root) ?? []), path])
  }
  for (const [root, within] of roots) {
    const sorted = within.toSorted()
    // The last path itself is in the range, and nothing that lies behind it.
    const range = { from: sorted[0]!, below: `${sorted.at(-1)!}!` }
    for await (const file of lake.list(root, range)) found.set(file.path, file)
  }
  return found
}

const shownMax = 5

function removed(view: ManifestView, gone: readonly PinnedCommit[]): MillcourseError {
  const intervals = [...new Set(gone.map(({ start, end }) => `[${start}, ${end})`))]
  const rest = intervals.length > shownMax ? ` and ${intervals.length - shownMax} more` : ''
  return new MillcourseError(
    'TRAINING_FILES_REMOVED',
    `of ${view.view}@v${view.version} the lake no longer holds what was committed for ${intervals.slice(0, shownMax).join(', ')}${rest}`,
    {
      hint: 'superseded files are kept for a time only: leave out the rows of the spine that need them, or make the set from what is committed now',
      facts: { view: view.view, version: view.version, files: gone.length, file: gone[0]!.path ?? '' },
    },
  )
}
