/**
 * Which intervals hold the rows that a lookup view shows of the looked-at keys: a check computes those again, too, since by chance alone a key's own
 * row would seldom be among what is.
 */
import { type CompactedCommits, committedFiles, uriOfFile } from '../core/compute/index.js'
import type { ViewBundle } from '../core/define/definitions.js'
import { createKeys, intervalStartOf, publishedAnswers } from '../core/explain/index.js'
import type { CancelSignal } from '../core/ports/cancel-signal.js'
import type { QuerySession } from '../core/ports/query-engine.js'
import type { PackedValue } from '../core/publish/index.js'
import type { Instant } from '../core/time/instant.js'
import type { ActivityDeps } from './activity-deps.js'
import type { Target } from './quality-target.js'
import { fileNotRead } from './unreadable-files.js'

/** Files that cannot be read are left out one by one; of more of them nothing is said here. */
const unreadMax = 3
const keysTable = '__quality_shown_keys'

/**
 * Starts of these intervals: by the committed files, and by the items, whose row a file may have lost. None of a window view, whose check computes
 * what its windows reach.
 * @param items event times of the keys' items
 * @param broken URIs of files that are not read
 */
export async function shownIntervals(
  deps: Pick<ActivityDeps, 'engine' | 'lake'>,
  bundle: ViewBundle,
  {
    commits,
    compactions,
    endAt,
  }: Pick<Target, 'commits' | 'endAt'> & { readonly compactions: readonly CompactedCommits[] },
  asked: {
    readonly keys: readonly (readonly PackedValue[])[]
    readonly items: readonly Instant[]
    readonly broken: Iterable<string>
    readonly signal: CancelSignal
  },
): Promise<ReadonlySet<Instant>> {
  const { keys, items, signal } = asked
  if (bundle.view.viewKind !== 'lookup' || endAt === null || keys.length === 0) return new Set()
  const files = committedFiles(commits, compactions, (path) => deps.lake.uri(path))
  const unread = new Set(asked.broken)
  const newestTimes = async (session: QuerySession): Promise<Instant[]> => {
    await session.execute(
      createKeys(
        bundle,
        keys.map((key) => ({ key, at: 0n })),
        keysTable,
      ),
    )
    const readable = files.filter((file) => !unread.has(uriOfFile(file)))
    const answers = await publishedAnswers(session, bundle, readable, keysTable, endAt)
    return [...answers.values()].flatMap(({ eventAt }) => eventAt ?? [])
  }
  const startsOf = (times: readonly Instant[]) => new Set(times.map((at) => intervalStartOf(bundle, at)))
  for (let turn = 0; turn < unreadMax; turn++)
    try {
      return startsOf([...(await deps.engine.withSession(newestTimes, { signal })), ...items])
    } catch (error) {
      // Whether it is at fault is for those to say who compare its rows.
      const file = fileNotRead(error)
      if (file === null || !files.some((one) => uriOfFile(one) === file)) throw error
      unread.add(file)
    }
  return startsOf(items)
}
