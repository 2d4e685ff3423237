/** Inputs are pinned when a run is planned; the query engine reads a swapped file without a word, so pins are compared afterwards. */
import { MillcourseError } from '../core/errors.js'
import type { PinnedFile } from '../core/plan/index.js'
import { isCommitUri } from '../core/source/index.js'
import type { ActivityDeps } from './activity-deps.js'
import { currentFiles } from './current-files.js'

/** @throws MillcourseError PLAN_INPUTS_MOVED naming the first file that is another one now */
export async function verifyPins(deps: Pick<ActivityDeps, 'sources'>, files: readonly PinnedFile[]): Promise<void> {
  // A commit is no file: what it names never changes, and which one counts is asked when it is read.
  const inSources = files.filter(({ uri }) => !isCommitUri(uri))
  const found = await currentFiles(
    deps.sources,
    inSources.map((file) => file.uri),
  )
  const moved = inSources.filter((pinned) => found.get(pinned.uri)?.etag !== pinned.etag)
  const [first] = moved
  if (!first) return
  const now = found.get(first.uri) ?? null
  const others = moved.length - 1
  throw new MillcourseError(
    'PLAN_INPUTS_MOVED',
    `${first.uri} was ${now ? 'changed' : 'removed'} while it was being read${others > 0 ? `, and ${others} more` : ''}`,
    {
      hint: 'the run plans again with the files that are there now',
      facts: { file: first.uri, pinned: first.etag, found: now?.etag ?? 'absent' },
    },
  )
}

/** Whatever a moved file led to, an error too, counts for nothing. */
export async function withPinsVerified<T>(
  deps: Pick<ActivityDeps, 'sources'>,
  files: readonly PinnedFile[],
  read: () => Promise<T>,
): Promise<T> {
  let result: T
  try {
    result = await read()
  } catch (error) {
    if (error instanceof MillcourseError) await verifyPins(deps, files)
    throw error
  }
  await verifyPins(deps, files)
  return result
}
