import type { Interval } from '../time/interval.js'

/** From the first of their intervals to the last: where compactions of these commits are looked for. Null: there are none. */
export function coveringSpan(commits: readonly { readonly interval: Interval }[]): Interval | null {
  const [first] = commits
  if (first === undefined) return null
  let { start, end } = first.interval
  for (const { interval } of commits) {
    if (interval.start < start) start = interval.start
    if (interval.end > end) end = interval.end
  }
  return { start, end }
}
