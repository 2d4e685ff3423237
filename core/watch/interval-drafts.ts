/** Drafts of incidents of a view: about intervals, or about the view as a whole. */
import type { IntervalState } from '../plan/interval-state.js'
import { formatInstant } from '../time/instant.js'
import type { Interval } from '../time/interval.js'
import { type CalendarEntry, viewLabel } from './calendar.js'
import type { IncidentDraft, IncidentRule } from './incident.js'

export interface DraftMore {
  readonly key?: string
  readonly severity?: IncidentDraft['severity']
  /** Whose it is to mend, where that is not the view's owner. */
  readonly owner?: string | null
  readonly news?: readonly string[]
  readonly facts?: Readonly<Record<string, string | number>>
}

/** None for no intervals. `START` in the next step is the first one's. */
export function intervalsDraft(
  entry: CalendarEntry,
  rule: IncidentRule,
  intervals: readonly (Interval | IntervalState)[],
  sentence: (at: string) => string,
  nextStep: string,
  more: DraftMore = {},
): IncidentDraft[] {
  const starts = intervals.map((item) => formatInstant('interval' in item ? item.interval.start : item.start))
  const [first] = starts
  if (first === undefined) return []
  const at = starts.length === 1 ? first : `${starts.length} intervals from ${first} to ${starts.at(-1)}`
  const news = [...extent(starts.length), ...(more.news ?? [])]
  const facts = { intervals: starts.length, firstInterval: first, ...more.facts }
  return [
    viewDraft(entry, rule, `${viewLabel(entry)} ${sentence(at)}`, nextStep.replace('START', first), {
      ...more,
      news,
      facts,
    }),
  ]
}

/** `1+ 2+ 4+` for 5 of them: of hundreds that fail one by one each doubling is news, and not each of them. */
function extent(count: number): string[] {
  const words: string[] = []
  for (let least = 1; least <= count; least *= 2) words.push(`${least}+`)
  return words
}

export function viewDraft(
  entry: CalendarEntry,
  rule: IncidentRule,
  summary: string,
  nextStep: string,
  { key, severity = 'warning', owner, news = [], facts = {} }: DraftMore,
): IncidentDraft {
  return {
    key: key ?? `${rule}/${viewLabel(entry)}`,
    rule,
    severity,
    view: entry.view,
    version: entry.version,
    owner: owner ?? entry.owner,
    summary,
    nextStep,
    facts: { services: entry.services.join(', '), ...facts },
    news: news.join(' '),
  }
}
