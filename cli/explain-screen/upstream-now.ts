/** What a view has committed by now of which the rows of another one, that is built on it, are made. */
import { coveringSpan } from '../../core/compact/index.js'
import { type UpstreamRead, upstreamReads } from '../../core/compute/index.js'
import type { UpstreamView } from '../../core/define/definitions.js'
import { MillcourseError } from '../../core/errors.js'
import { mergeRanges } from '../../core/plan/index.js'
import type { Lake } from '../../core/ports/lake.js'
import type { LedgerReader } from '../../core/ports/ledger.js'
import { commitFile, upstreamEnds, upstreamSpan } from '../../core/source/index.js'
import type { Interval } from '../../core/time/interval.js'
import type { FileNow } from './source-now.js'

/** Each is a query of its own over all that its windows reach. */
const endsMax = 1_000

export interface UpstreamNow {
  /** The commits, as runs pin them. */
  readonly files: readonly FileNow[]
  readonly reads: readonly UpstreamRead[]
}

/**
 * @param spans of event time whose rows are asked for, whole intervals; none overlaps another
 * @throws MillcourseError SOURCE_FILE_UNSUPPORTED where a window view has answered at too many ends in them
 */
export async function readUpstreamNow(
  ports: { readonly ledger: LedgerReader; readonly lake: Lake },
  upstream: UpstreamView,
  spans: readonly Interval[],
): Promise<UpstreamNow> {
  const { name: view, version, viewKind } = upstream.view
  // What is not committed yet keeps no other end from being told.
  const endsIn = (span: Interval) =>
    upstreamEnds(upstream, span).map((end): Interval => ({ start: end, end: end + 1n }))
  const intervals = viewKind === 'lookup' ? spans : spans.flatMap(endsIn)
  if (viewKind === 'window' && intervals.length > endsMax)
    throw new MillcourseError(
      'SOURCE_FILE_UNSUPPORTED',
      `its rows are what view ${view}@v${version} answers at ${intervals.length} ends, more than ${endsMax}`,
      { hint: `ask about ${view}: millcourse explain ${view}`, facts: { view } },
    )
  const reached = mergeRanges(intervals.flatMap((interval) => upstreamSpan(upstream, interval) ?? []))
  const key = { view, version }
  const commits = (await Promise.all(reached.map((span) => ports.ledger.currentCommits(key, span)))).flat()
  const once = [...new Map(commits.map((commit) => [commit.commitId, commit])).values()]
  const covering = coveringSpan(once)
  const compactions = covering === null ? [] : await ports.ledger.compactions(key, covering)
  return {
    files: once.map((commit) => commitFile(upstream, commit)),
    reads: upstreamReads(upstream, intervals, once, compactions, (path) => ports.lake.uri(path)),
  }
}
