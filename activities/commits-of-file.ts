import type { Commit, ViewKey } from '../core/ports/ledger.js'
import type { Interval } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'

/** What lies in a file of the lake and counts by now: the commit whose own file it is, or those that it holds as one of a compaction. */
export async function commitsOfFile(
  { ledger, lake }: Pick<ActivityDeps, 'ledger' | 'lake'>,
  key: ViewKey,
  { uri, span }: { readonly uri: string; readonly span: Interval },
): Promise<Commit[]> {
  const commits = await ledger.currentCommits(key, span)
  const compactions = await ledger.compactions(key, span)
  const held = new Set(
    compactions
      .filter(({ files }) => files.some(({ path }) => lake.uri(path) === uri))
      .flatMap(({ commitIds }) => commitIds),
  )
  const isIn = ({ commitId, data }: Commit) => data !== null && (held.has(commitId) || lake.uri(data.path) === uri)
  return commits.filter(isIn)
}
