/** Which commits of a view the rows of an interval are made of, where a source is built on that view. */
import type { UpstreamView } from '../define/definitions.js'
import { parseDuration } from '../time/duration.js'
import { endOfTime, formatInstant, type Instant, latest, parseInstant } from '../time/instant.js'
import type { Interval } from '../time/interval.js'

/** How far back the longest window looks; null: a lookup view. */
function reachOf({ view }: UpstreamView): bigint | 'lifetime' | null {
  if (view.viewKind === 'lookup') return null
  const lengths = view.features.flatMap((feature) => (feature.kind === 'window' ? [feature.over] : []))
  if (lengths.includes('lifetime')) return 'lifetime'
  return lengths.map(parseDuration).reduce((a, b) => (a > b ? a : b), 0n)
}

/** Ends of a window view's intervals that lie in an interval, oldest first. */
export function upstreamEnds({ view }: UpstreamView, interval: Interval): Instant[] {
  const [since, every] = [parseInstant(view.since), parseDuration(view.every)]
  const ends: Instant[] = []
  const from = latest([interval.start, since + every])
  for (let end = since + ((from - since + every - 1n) / every) * every; end < interval.end; end += every) ends.push(end)
  return ends
}

/** The span of the view's intervals that rows of an interval are made of, from the view's since on; null: of none. */
export function upstreamSpan(upstream: UpstreamView, interval: Interval): Interval | null {
  const since = parseInstant(upstream.view.since)
  const reach = reachOf(upstream)
  const ends = reach === null ? [] : upstreamEnds(upstream, interval)
  const [first, last] = reach === null ? [interval.start, interval.end] : [ends[0], ends.at(-1)]
  if (first === undefined || last === undefined || last <= since) return null
  const start = reach === 'lifetime' ? since : latest([first - (reach ?? 0n), since])
  return { start, end: last }
}

/** The instants at which rows are others when an interval of the view is committed anew. */
export function touchedByCommit(upstream: UpstreamView, { start, end }: Interval): Interval {
  const reach = reachOf(upstream)
  if (reach === null) return { start, end }
  return { start: end, end: reach === 'lifetime' ? endOfTime : end + reach }
}

/** A commit as an input file of a run: another commit, another input. */
export function commitUri({ view }: UpstreamView, startText: string): string {
  return `commit:${view.name}@v${view.version}/${startText}`
}

export function isCommitUri(uri: string): boolean {
  return uri.startsWith('commit:')
}

/** A commit as an input file. */
export interface CommitFile {
  readonly uri: string
  /** Its id. */
  readonly etag: string
  readonly sizeBytes: number
}

interface InputCommit {
  readonly interval: Interval
  readonly commitId: bigint
  readonly data: { readonly sizeBytes: number } | null
}

export function commitFile(upstream: UpstreamView, { interval, commitId, data }: InputCommit): CommitFile {
  const uri = commitUri(upstream, formatInstant(interval.start))
  return { uri, etag: String(commitId), sizeBytes: data?.sizeBytes ?? 0 }
}

/** Start of the interval of the commit that such a URI names. */
export function startOfCommitUri(uri: string): Instant {
  return parseInstant(uri.slice(uri.indexOf('/') + 1))
}
