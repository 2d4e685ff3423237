/** Causes as sentences, each with what to do. */
import type { CauseCode } from '../../core/explain/index.js'
import { isCommitUri } from '../../core/source/index.js'
import { plural } from '../output/words.js'
import type { CauseFacts, ExplainFacts } from './explain-facts.js'

const causesShown = 6

export function causeLines(facts: ExplainFacts, givenOptions: string): string[] {
  const { causes } = facts
  if (causes.length === 0) return [noCause(facts)]
  const shown = causes.slice(0, causesShown)
  const lines = shown.map((cause, index) => {
    const isFirst = index === 0 || shown[index - 1]!.between !== cause.between
    return `${isFirst ? 'differs  ' : '         '}${isFirst ? `${cause.between}: ` : ''}${causeText(cause, facts)}`
  })
  const left = causes.length - shown.length
  const next = [...new Set(shown.flatMap((cause) => nextStep(cause, facts, givenOptions)))]
  return [
    ...lines,
    ...(left > 0 ? [`         and ${plural(left, 'more cause')} (--json)`] : []),
    ...next.map((step, index) => `${index === 0 ? 'next     ' : '         '}${step}`),
  ]
}

function noCause({ features, counts }: ExplainFacts): string {
  const isMoved = features.some(({ recomputed, sourceNow }) => JSON.stringify(recomputed) !== JSON.stringify(sourceNow))
  return counts.isCut && isMoved
    ? 'differs  committed and source: by rows beyond those that were looked at'
    : 'agrees   what is committed, recomputed and online is the same'
}

function causeText(cause: CauseFacts, { online, at, unreadable }: ExplainFacts): string {
  const start = cause.interval?.start ?? ''
  const rows = cause.rows > 0 ? ` (${plural(cause.rows, 'row')})` : ''
  const isCommit = cause.file !== null && isCommitUri(cause.file)
  const input = isCommit ? 'commit' : 'file'
  const texts: Readonly<Record<CauseCode, string>> = {
    'late-file': `a ${input} came after the run of ${start}: ${cause.file}${rows}`,
    'file-changed': isCommit
      ? `what the run of ${start} was made of was committed anew since: ${cause.file}${rows}`
      : `a file that the run of ${start} read was changed since: ${cause.file}${rows}`,
    'file-removed': `a ${input} that the run of ${start} read is gone from the source: ${cause.file}`,
    'source-unreadable': `the source cannot be read: ${unreadable?.message ?? ''}`,
    'interval-held': `the run of ${start} is held${rows}`,
    'feature-held': `features of the run of ${start} are held alone, and left out of its commit (R35): run ${cause.run}`,
    'interval-failed': `the run of ${start} failed${rows}`,
    'interval-rejected': `${start} was rejected by an operator${rows}`,
    'interval-open': `${start} has not ended, or its run is under way${rows}`,
    'interval-missing': `${start} has not run${rows}`,
    'committed-file': 'the committed file does not hold what its own source files give',
    'unpublished-commit': `the commit of ${start} is not published yet`,
    'online-item': 'the item is not what its publish should have written',
    'published-end': `online stands at ${online.end}, not at ${at}`,
    blocked: `the published end waits for ${start} (onGap: block)`,
    'newer-row': `online sees a newer row${rows}, of ${start}`,
    visibility: `a row was not written down by then (R16)${rows}, of ${start}`,
    'window-edge': `a window’s edge passed a row (R7)${rows}, of ${start}`,
    ttl: `the ttl counts from another time (R2)${rows}`,
    tombstone: `a deletion (R18)${rows}, of ${start}`,
    redelivered: `an event was delivered again (R19)${rows}, of ${start}`,
  }
  return texts[cause.code]
}

function nextStep(
  { code, interval }: CauseFacts,
  { view, version, newestVersion }: ExplainFacts,
  givenOptions: string,
): string[] {
  const place = interval === null ? '' : `${view}@v${version}@${interval.start}`
  switch (code) {
    case 'late-file':
    case 'file-changed':
    case 'interval-missing':
      if (newestVersion !== undefined)
        return [`none: of ${view} only v${newestVersion} runs, in which what the source has by now counts`]
      return interval === null
        ? []
        : [`millcourse materialize ${view} --from ${interval.start} --to ${interval.end}${givenOptions}`]
    case 'interval-held':
    case 'feature-held':
    case 'interval-failed':
    case 'interval-rejected':
    case 'blocked':
      return [`millcourse runs show ${place}${givenOptions}`]
    case 'unpublished-commit':
      return [
        `the next tick publishes it, or its backfill at its end; millcourse runs show ${place}${givenOptions} says why it has not`,
      ]
    case 'committed-file':
      return [
        `millcourse check-quality ${view} --repair --reason "…"${givenOptions}: it finds the file in the lake that is not as it was committed, and has its interval run again`,
      ]
    case 'online-item':
      return ['something else wrote to the table, or it was restored: docs/explain.md, "An item that is wrong"']
    default:
      return []
  }
}
