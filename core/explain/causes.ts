/**
 * Why what is committed, what the source gives and what is online differ: facts, from the rows that one of them counts and another does
 * not. Words are the screen's.
 */
import type { ViewBundle } from '../define/definitions.js'
import { endOfTime, type Instant } from '../time/instant.js'
import type { Interval } from '../time/interval.js'
import type { PublishedAnswer } from './compute-answers.js'
import type { ExplainedAnswer } from './explain-answers.js'
import { type RowRole, rowRoles } from './row-roles.js'
import { type Answer, differingFeatures } from './same-answer.js'
import type { SourceRow } from './source-row.js'

export type CauseCode =
  // committed is not what the source has now
  | 'late-file'
  | 'file-changed'
  | 'file-removed'
  | 'source-unreadable'
  | 'interval-held'
  | 'feature-held'
  | 'interval-failed'
  | 'interval-rejected'
  | 'interval-open'
  | 'interval-missing'
  // committed is not what its own files give
  | 'committed-file'
  // online is not the committed state at its end
  | 'unpublished-commit'
  | 'online-item'
  // the asked time is not the one that online shows
  | 'published-end'
  | 'blocked'
  | 'newer-row'
  | 'visibility'
  | 'window-edge'
  | 'ttl'
  | 'tombstone'
  | 'redelivered'

export interface Cause {
  readonly code: CauseCode
  /** Between which two answers it makes the difference. */
  readonly between: 'committed and source' | 'committed and online'
  readonly interval: Interval | null
  readonly run: string | null
  readonly file: string | null
  /** Source rows that it concerns. */
  readonly rows: number
}

/** How a row stands to the accepted version of its interval. */
export type Standing =
  | { readonly kind: 'committed' }
  | {
      readonly kind: Extract<CauseCode, 'late-file' | 'file-changed' | `interval-${string}`>
      readonly run: string | null
      /** What is another than it was, where the row's own file is not. */
      readonly file?: string
    }

export interface IntervalProblem {
  readonly code: Extract<CauseCode, `interval-${string}`>
  readonly interval: Interval
  readonly run: string | null
}

export interface CauseInput {
  readonly bundle: ViewBundle
  readonly at: Instant
  readonly answer: ExplainedAnswer
  /** Of the committed state, at the published end; undefined: an empty item, or none; null: nothing was published. */
  readonly published: PublishedAnswer | undefined | null
  readonly publishedEndAt: Instant | null
  /** Null: an empty item, or none. */
  readonly online: Answer | null
  readonly isExpiredOnline: boolean
  /** Of the key. */
  readonly rows: readonly SourceRow[]
  readonly standingOf: (row: SourceRow) => Standing
  readonly intervalOf: (row: SourceRow) => Interval
  /** Files that runs of the reach read and that are gone, or others now; of dimensions also those that came since. */
  readonly lostFiles: readonly {
    readonly code: 'file-removed' | 'file-changed' | 'late-file'
    readonly file: string
    readonly run: string
    readonly interval: Interval
  }[]
  readonly isSourceUnreadable: boolean
  /** Current commits of the reach that no finished publish covers. */
  readonly unpublished: readonly { readonly interval: Interval; readonly run: string }[]
  /** R35: of commits of the reach, what they leave out. Absent: nothing. */
  readonly held?: readonly { readonly interval: Interval; readonly run: string; readonly features: readonly string[] }[]
  /** Intervals of the reach without an accepted version, or with an operator's empty one. */
  readonly problems: readonly IntervalProblem[]
}

/** Each cause once, those of the committed state first. */
export function explainCauses(input: CauseInput): Cause[] {
  const causes = [...sourceCauses(input), ...onlineCauses(input)]
  const byPlace = new Map<string, Cause>()
  for (const cause of causes) {
    const place = `${cause.code}\n${cause.between}\n${cause.interval?.start ?? ''}\n${cause.file ?? ''}`
    const known = byPlace.get(place)
    byPlace.set(place, known ? { ...known, rows: known.rows + cause.rows } : cause)
  }
  return [...byPlace.values()]
}

const nowhere = { interval: null, run: null, file: null, rows: 0 }

function sourceCauses(input: CauseInput): Cause[] {
  const { bundle, answer, lostFiles } = input
  const between = 'committed and source'
  if (input.isSourceUnreadable || answer.recomputed === null || answer.sourceNow === null)
    return input.isSourceUnreadable ? [{ ...nowhere, code: 'source-unreadable', between }] : []
  const lost = lostFiles.map(
    ({ code, file, run, interval }): Cause => ({ code, between, interval, run, file, rows: 0 }),
  )
  const causes: Cause[] = []
  const others = differingFeatures(bundle, answer.committed, answer.recomputed)
  const held = heldCauses(input, others, between)
  causes.push(...held)
  const isOther = others.some((name) => !isHeldIn(input, name))
  // Without all of its files nothing can be said of the committed file.
  if (isOther) causes.push(...(lost.length > 0 ? lost : [{ ...nowhere, code: 'committed-file', between } as const]))
  if (differingFeatures(bundle, answer.recomputed, answer.sourceNow).length === 0) return causes
  const wouldCount = rolesOf(input, input.at, () => true)
  const uncommitted = input.rows.flatMap((row, index): Cause[] => {
    const standing = input.standingOf(row)
    if (standing.kind === 'committed' || !isOfWeight(wouldCount[index]!)) return []
    const { kind: code, run, file = row.file } = standing
    return [{ code, between, interval: input.intervalOf(row), run, file, rows: 1 }]
  })
  return [...causes, ...(uncommitted.length > 0 ? uncommitted : lost)]
}

function onlineCauses(input: CauseInput): Cause[] {
  const { bundle, published, online, answer, publishedEndAt } = input
  const between = 'committed and online'
  if (!bundle.view.online) return []
  if (published === null || publishedEndAt === null) return [...unpublishedCauses(input), ...blockedCauses(input)]
  const expected = published?.values ?? null
  const isAsPublished =
    expected === null || online === null
      ? expected === online
      : differingFeatures(bundle, expected, online).length === 0
  if (!isAsPublished) {
    const others = expected === null || online === null ? null : differingFeatures(bundle, expected, online)
    // Shown before it was held, or decided on since: by the end it is told which.
    if (others?.every((name) => isHeldIn(input, name)))
      return [...heldCauses(input, others, between), ...unpublishedCauses(input)]
    const pending = unpublishedCauses(input)
    return pending.length > 0 ? pending : [{ ...nowhere, code: 'online-item', between }]
  }
  const shown = input.isExpiredOnline ? nothing(answer.committed) : (online ?? nothing(answer.committed))
  const others = differingFeatures(bundle, answer.committed, shown)
  if (others.length === 0) return []
  if (others.every((name) => isHeldIn(input, name))) return heldCauses(input, others, between)
  return [...timeCauses(input), ...unpublishedCauses(input), ...blockedCauses(input)]
}

const isHeldIn = ({ held = [] }: CauseInput, name: string): boolean =>
  held.some(({ features }) => features.includes(name))

/** R35: commits that leave out what differs. */
function heldCauses({ held = [] }: CauseInput, differing: readonly string[], between: Cause['between']): Cause[] {
  return held
    .filter(({ features }) => features.some((name) => differing.includes(name)))
    .map(({ interval, run }) => ({ ...nowhere, code: 'feature-held', between, interval, run }))
}

/** R8: counts of nothing are not null; what differs by that alone is no difference. */
function nothing(like: Answer): Answer {
  return Object.fromEntries(Object.entries(like).map(([name, value]) => [name, value === 0n ? 0n : null]))
}

function unpublishedCauses({ unpublished }: CauseInput): Cause[] {
  return unpublished.map(({ interval, run }) => ({
    ...nowhere,
    ...{ code: 'unpublished-commit', between: 'committed and online', interval, run },
  }))
}

/** R32: what holds the published end back. */
function blockedCauses({ bundle, problems, publishedEndAt }: CauseInput): Cause[] {
  if (bundle.view.viewKind === 'lookup' || bundle.view.onGap !== 'block') return []
  const next = problems.find(
    ({ interval, code }) =>
      code !== 'interval-rejected' && (publishedEndAt === null || interval.start >= publishedEndAt),
  )
  return next
    ? [{ ...nowhere, code: 'blocked', between: 'committed and online', interval: next.interval, run: next.run }]
    : []
}

/** The two answer for other times: which rows does the one count and the other not? */
function timeCauses(input: CauseInput): Cause[] {
  const between = 'committed and online'
  const isCommitted = (row: SourceRow): boolean => input.standingOf(row).kind === 'committed'
  const asked = rolesOf(input, input.at, isCommitted)
  const isLookup = input.bundle.view.viewKind === 'lookup'
  const onlineAt = isLookup ? endOfTime : input.publishedEndAt!
  const shown = rolesOf(input, onlineAt, isCommitted, isLookup)
  const causes = input.rows.flatMap((row, index): Cause[] => {
    const [at, online] = [asked[index]!, shown[index]!]
    if (at.role === online.role && at.windows.join() === online.windows.join()) return []
    if (!isOfWeight(at) && !isOfWeight(online)) return []
    // The newer row tells of itself.
    if (online.role === 'older') return []
    const code = causeOf(isOfWeight(at) && at.role !== 'expired' ? online.role : at.role)
    return code === null ? [] : [{ code, between, interval: input.intervalOf(row), run: null, file: row.file, rows: 1 }]
  })
  const expired: Cause[] = input.isExpiredOnline ? [{ ...nowhere, code: 'ttl', between }] : []
  const end: Cause[] = isLookup || onlineAt === input.at ? [] : [{ ...nowhere, code: 'published-end', between }]
  return [...end, ...expired, ...causes]
}

function causeOf(role: RowRole): CauseCode | null {
  switch (role) {
    case 'after':
    case 'older':
      return 'newer-row'
    case 'counted':
    case 'window-edge':
    case 'before-window':
      return 'window-edge'
    case 'not-known':
      return 'visibility'
    case 'expired':
      return 'ttl'
    case 'tombstone':
      return 'tombstone'
    case 'redelivered':
      return 'redelivered'
    case 'not-committed':
    case 'before-since':
      return null
  }
}

type Weighed = ReturnType<typeof rowRoles>[number]

const isOfWeight = ({ role }: Weighed): boolean =>
  role === 'counted' || role === 'tombstone' || role === 'expired' || role === 'redelivered'

/** In the order of the rows. Online, a lookup's ttl is applied by the read (R25). */
function rolesOf(
  input: CauseInput,
  at: Instant,
  isCommitted: (row: SourceRow) => boolean,
  isEndless = false,
): Weighed[] {
  const { view } = input.bundle
  const bundle = isEndless ? { ...input.bundle, view: { ...view, ttl: null } } : input.bundle
  return rowRoles({ bundle, rows: input.rows, at, isCommitted })
}
