/** An explanation on one screen: the value and why first, then the rows, runs and publishes it was made of. */
import { formatTable } from '../output/table.js'
import { formatCount, formatValue, plural } from '../output/words.js'
import { causeLines } from './cause-text.js'
import type { CommitFacts, ExplainFacts, FeatureFacts, OnlineFacts, RowFacts } from './explain-facts.js'
import { roleText } from './role-text.js'

const rowsShown = 12
const commitsShown = 5
const missingShown = 3
const cellMax = 24

export function formatExplainScreen(facts: ExplainFacts, givenOptions: string): string {
  const key = Object.entries(facts.key).map(([name, value]) => `${name}=${value}`)
  const edge = facts.answeredAt === facts.at ? '' : `, answered at the tile edge ${facts.answeredAt} (R9)`
  return [
    `${facts.view}@v${facts.version} ${key.join(' ')} at ${facts.at}${edge}`,
    '',
    featureTable(facts.features),
    '',
    line('why', whyText(facts)),
    ...belowLines(facts),
    line('online', onlineText(facts.online)),
    ...missingLines(facts),
    '',
    ...causeLines(facts, givenOptions),
    ...rowLines(facts),
    ...commitLines(facts.commits),
  ]
    .filter((text, index, all) => text !== '' || all[index - 1] !== '')
    .join('\n')
    .trimEnd()
}

function line(label: string, text: string): string {
  return `${label.padEnd(9)}${text}`
}

function featureTable(features: readonly FeatureFacts[]): string {
  const shown = (value: unknown): string => (value === undefined ? '-' : cut(formatValue(value)))
  const isMoved = features.some(({ recomputed, sourceNow }) => JSON.stringify(recomputed) !== JSON.stringify(sourceNow))
  return formatTable<FeatureFacts>(
    [
      { title: 'FEATURE', cell: ({ name }) => name },
      { title: 'VALUE', cell: ({ value }) => shown(value) },
      { title: 'RECOMPUTED', cell: ({ recomputed }) => shown(recomputed) },
      ...(isMoved ? [{ title: 'SOURCE NOW', cell: ({ sourceNow }: FeatureFacts) => shown(sourceNow) }] : []),
      {
        title: 'ONLINE NOW',
        cell: ({ online, onlineStatus, onlineEventAt }) =>
          onlineStatus === undefined
            ? shown(online)
            : `${shown(online)} (${onlineStatus}, of ${onlineEventAt ?? 'never'})`,
      },
    ],
    features,
  )
}

function whyText({ kind, rows, counts, unreadable, upstream, answeredAt }: ExplainFacts): string {
  const source = upstream ? `view ${upstream.view}@v${upstream.version}` : 'the source'
  if (unreadable !== null) return `from what is committed; ${source} could not be read`
  if (counts.rows === 0) return `${source} has no row of this key in reach`
  if (kind === 'window') {
    const none = counts.counted === 0 ? 'no row' : plural(counts.counted, 'source row')
    const all = counts.isCut ? `the ${lookedAt(counts)}` : `${formatCount(counts.rows)} in reach`
    return `${none} of ${all} ${counts.counted === 1 ? 'lies' : 'lie'} in a window that ends at ${answeredAt}`
  }
  const decided = rows.find(({ role }) => role === 'counted' || role === 'tombstone' || role === 'expired')
  if (decided === undefined)
    return `none of the ${counts.isCut ? lookedAt(counts) : `${plural(counts.rows, 'row')} of this key`} is seen at that time`
  const what = {
    tombstone: 'the newest row seen is a deletion (R18)',
    expired: 'the newest row seen is older than the ttl (R2)',
  }
  const said = decided.role === 'counted' ? 'the newest row seen (R1)' : what[decided.role as keyof typeof what]
  return `${said}: row ${decided.row} of ${tail(decided.file)}, of ${decided.eventAt}`
}

/** Where there are too many rows to look at each. */
function lookedAt({ looked, rows }: ExplainFacts['counts']): string {
  return `${formatCount(looked)} looked at (of ${formatCount(rows)} in reach)`
}

function belowLines({ upstream }: ExplainFacts): string[] {
  if (!upstream) return []
  const { view, version } = upstream
  return [
    line('below', `the rows are what view ${view}@v${version} has committed: millcourse explain ${view} says why`),
  ]
}

function onlineText({ end, endSequence, status, eventAt, sequence, missingIntervals }: OnlineFacts): string {
  if (end === null) return 'nothing is published'
  const item = sequence === null ? 'no item' : `item of publish ${sequence}`
  const event = eventAt === null ? '' : `, as of ${eventAt}`
  const gaps = missingIntervals.length === 0 ? '' : `, ${plural(missingIntervals.length, 'interval')} missing`
  return `${status}${event}${gaps}; ${item}; published up to ${end} by publish ${endSequence}`
}

function missingLines({ state }: ExplainFacts): string[] {
  if (state.missing.length === 0) return []
  const told = state.missing.slice(0, missingShown).map(({ interval, outcome }) => `${interval.start} ${outcome}`)
  const more = state.missing.length - told.length
  return [line('gaps', `${told.join(', ')}${more > 0 ? ` and ${more} more (--json)` : ''}`)]
}

function rowLines({ rows, counts, kind }: ExplainFacts): string[] {
  if (rows.length === 0) return []
  const shown = rows.slice(0, rowsShown)
  const hasCreated = shown.some(({ createdAt }) => createdAt !== null)
  const left = counts.rows - shown.length
  return [
    '',
    formatTable<RowFacts>(
      [
        { title: 'SOURCE ROW', cell: ({ file, row }) => `${tail(file)}:${row}` },
        { title: 'EVENT', cell: ({ eventAt }) => eventAt },
        ...(hasCreated ? [{ title: 'CREATED', cell: ({ createdAt }: RowFacts) => createdAt ?? 'null' }] : []),
        { title: 'WHAT BECAME OF IT', cell: (row) => roleText(row, kind) },
        { title: 'COLUMNS', cell: ({ columns }) => columnsText(columns) },
      ],
      shown,
    ),
    ...(left > 0 ? [`and ${plural(left, 'more row')}${counts.isCut ? '' : ' (--json)'}`] : []),
  ]
}

function columnsText(columns: RowFacts['columns']): string {
  const told = Object.entries(columns).map(([name, value]) => `${name}=${cut(String(value))}`)
  return told.length > 6 ? `${told.slice(0, 6).join(' ')} …` : told.join(' ')
}

function commitLines(commits: readonly CommitFacts[]): string[] {
  if (commits.length === 0) return []
  const shown = commits.slice(-commitsShown)
  return [
    '',
    formatTable<CommitFacts>(
      [
        { title: 'INTERVAL', cell: ({ interval }) => interval.start },
        { title: 'RUN', cell: ({ run, number }) => `${run} (number ${number})` },
        { title: 'COMMIT', cell: ({ commit, committedAt }) => `${commit}, ${committedAt.replace(/\.\d+Z$/, 'Z')}` },
        { title: 'PUBLISH', cell: ({ publishedSequence }) => publishedSequence ?? 'not yet' },
      ],
      shown,
    ),
    ...(commits.length > shown.length
      ? [`and ${plural(commits.length - shown.length, 'earlier interval')} (--json)`]
      : []),
  ]
}

/** Enough of a path to know the partition and the file. */
export function tail(uri: string): string {
  return uri.split('/').slice(-2).join('/')
}

function cut(text: string): string {
  return text.length <= cellMax ? text : `${text.slice(0, cellMax - 1)}…`
}
