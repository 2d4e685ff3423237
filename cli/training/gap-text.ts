import type { SetGaps } from '../../core/training/index.js'
import { plural } from '../output/words.js'

const shownMax = 5

/** What a set lacks, on a line of its own; empty: nothing, or nobody looked. */
export function gapText(gaps: SetGaps | null | undefined): string[] {
  if (!gaps || gaps.intervals === 0) return []
  const told = gaps.spans.slice(0, shownMax).map(({ view, version, start, end, intervals, state }) => {
    const many = intervals === 1 ? '' : `${plural(intervals, 'interval')} `
    return `${view}@v${version} ${many}[${start}, ${end}) ${state}`
  })
  const more = gaps.spans.length > shownMax ? '; and more (--json)' : ''
  const [is, counts] = gaps.intervals === 1 ? ['is', 'counts'] : ['are', 'count']
  const what = `${plural(gaps.intervals, 'interval')} ${is} not committed and ${counts} as if without rows`
  return [`${what}: ${told.join('; ')}${more}`]
}
