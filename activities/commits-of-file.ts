import type { Commit, ViewKey } from '../core/ports/ledger.js'
import type { Interval } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'

interface AskedFile {
  readonly uri: string
  readonly span: Interval
}

type CommitDeps = Pick<ActivityDeps, 'ledger' | 'lake'>

/**
 * What lies in a file of the lake and counts by now, or is shown: an open backfill has replaced it, and publishes read it on until that ends (R33).
 * Each is the commit whose own file it is, or one of those that it holds as a file of a compaction.
 */
export async function commitsOfFile(deps: CommitDeps, key: ViewKey, asked: AskedFile): Promise<Commit[]> {
  const shown = (await deps.ledger.shownState(key))?.shown ?? null
  const current = await currentCommitsOfFile(deps, key, asked)
  if (shown === null) return current
  const known = new Set(current.map(({ commitId }) => commitId))
  const also = (await deps.ledger.commitsAt(key, asked.span, shown)).filter(({ commitId }) => !known.has(commitId))
  return [...current, ...(await lyingIn(deps, key, asked, also))]
}

/** Of these, what counts by now. */
export async function currentCommitsOfFile(deps: CommitDeps, key: ViewKey, asked: AskedFile): Promise<Commit[]> {
  return await lyingIn(deps, key, asked, await deps.ledger.currentCommits(key, asked.span))
}

async function lyingIn(
  { ledger, lake }: CommitDeps,
  key: ViewKey,
  { uri, span }: AskedFile,
  commits: readonly Commit[],
): Promise<Commit[]> {
  if (commits.length === 0) return []
  const compactions = await ledger.compactions(key, span)
  const held = new Set(
    compactions
      .filter(({ files }) => files.some(({ path }) => lake.uri(path) === uri))
      .flatMap(({ commitIds }) => commitIds),
  )
  const isIn = ({ commitId, data }: Commit) => data !== null && (held.has(commitId) || lake.uri(data.path) === uri)
  return commits.filter(isIn)
}
