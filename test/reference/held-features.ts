/** R35, said slowly: from which rows a feature is answered, and what windows show of it at which end. */
import type { SourceDefinition, WindowFeature } from '../../core/define/definitions.js'
import { parseDuration } from '../../core/time/duration.js'
import { answerOfRows } from './aggregates.js'
import { type Answer, type Row, type Rules, rowsOf, type Value, window } from './point-in-time.js'

/** Of an interval the commit that counts. */
export interface HoldingCommit {
  readonly start: bigint
  readonly end: bigint
  /** Features that it leaves out. */
  readonly held: readonly string[]
  /** Left out for good. False: they await a decision. */
  readonly isRejected: boolean
}

const isLeftOut = (commits: readonly HoldingCommit[], feature: string, { event }: Row): boolean =>
  commits.some(({ start, end, held }) => held.includes(feature) && event !== null && start <= event && event < end)

/**
 * Among which a feature is looked up. R18: a row that deletes is no value of a feature, and counts wherever it lies.
 * @param areTiesSettled only where no other row of its key and instant wins (R3): under `event` visibility, without event ids
 */
export function rowsToLookUp(
  rows: readonly Row[],
  commits: readonly HoldingCommit[],
  feature: string,
  { areTiesSettled }: { readonly areTiesSettled: boolean },
): Row[] {
  const isSeen = (row: Row): boolean => {
    const ofPlace = rows.filter(({ event }) => event === row.event)
    return !areTiesSettled || rowsOf(ofPlace, row.key, row.event!, everSeen).at(-1) === row
  }
  return rows.filter((row) => !isLeftOut(commits, feature, row) || (row.isDeleted === true && isSeen(row)))
}

const everSeen: Rules = { visibility: 'event', within: null, ttl: null }

/** Of the rows of a window those that a feature has: a redelivery (R19) has replaced others before, whatever leaves it out itself. */
export const rowsThatCount = (inside: readonly Row[], commits: readonly HoldingCommit[], feature: string): Row[] =>
  inside.filter((row) => !isLeftOut(commits, feature, row))

export interface Grid {
  readonly since: bigint
  readonly everyNs: bigint
  readonly onGap: 'block' | 'mark'
}

/**
 * R29, R32: the newest end at which windows are shown, as far as these commits go; null: none yet.
 * @param feature whose gaps are intervals without a commit, and those that await a decision on it; '': the view's
 * @param reachNs null: back to `since`
 */
export function shownEnd(
  commits: readonly HoldingCommit[],
  feature: string,
  reachNs: bigint | null,
  { since, everyNs, onGap }: Grid,
): bigint | null {
  const whole = new Set(
    commits.filter(({ held, isRejected }) => isRejected || !held.includes(feature)).map(({ start }) => start),
  )
  const ends = commits.map(({ end }) => end).toSorted((a, b) => (a < b ? 1 : -1))
  if (onGap === 'mark') return ends[0] ?? null
  const isWhole = (end: bigint): boolean => {
    for (let start = since; start < end; start += everyNs)
      if ((reachNs === null || start + everyNs > end - reachNs) && !whole.has(start)) return false
    return true
  }
  return ends.find(isWhole) ?? null
}

export interface WindowsInput {
  readonly features: readonly WindowFeature[]
  readonly source: Pick<SourceDefinition, 'schema'>
  readonly rows: readonly Row[]
  readonly commits: readonly HoldingCommit[]
  readonly rules: Rules
}

export const reachOf = ({ over }: Pick<WindowFeature, 'over'>): bigint | null =>
  over === 'lifetime' ? null : parseDuration(over)

export function windowAt(
  { source, rows, commits, rules }: WindowsInput,
  feature: WindowFeature,
  key: readonly Value[],
  end: bigint,
): Answer {
  const inside = window(rows, key, end, rules, reachOf(feature))
  return answerOfRows(feature, source, rowsThatCount(inside, commits, feature.name))
}

export interface ShownWindow {
  readonly value: Answer
  /** At which the feature is shown; null: it never was. */
  readonly endAt: bigint | null
  /** Apart from the others: at an end, or with a gap, of its own. */
  readonly isHeld: boolean
}

/** What a publish at E shows of a key, by feature; null: the key is missing, there is nothing in any window. */
export function shownWindows(
  input: WindowsInput & { readonly grid: Grid; readonly endAt: bigint },
  key: readonly Value[],
): Map<string, ShownWindow> | null {
  const { features, rows, rules, grid, endAt } = input
  const commits = input.commits.filter(({ end }) => end <= endAt)
  const reaches = features.map(reachOf)
  const longest = reaches.reduce((a, b) => (a === null || b === null ? null : a > b ? a : b))
  const isThere = (feature: string, end: bigint | null): boolean =>
    end !== null && rowsThatCount(window(rows, key, end, rules, longest), input.commits, feature).length > 0
  const all = features.map((feature, place): [WindowFeature, Omit<ShownWindow, 'value'>] => {
    const reach = reaches[place]!
    const isGap = ({ end, held, isRejected }: HoldingCommit): boolean =>
      held.includes(feature.name) && !isRejected && (reach === null || end > endAt - reach)
    return [feature, { endAt: shownEnd(commits, feature.name, reach, grid), isHeld: commits.some(isGap) }]
  })
  if (!isThere('', endAt) && !all.some(([{ name }, shown]) => isThere(name, shown.endAt))) return null
  const answers = all.map(([feature, shown]): [string, ShownWindow] => {
    // Of a key that is new at an older end there is nothing to keep.
    const isNew = shown.endAt !== endAt && !isThere(feature.name, shown.endAt)
    const value = isNew ? null : windowAt(input, feature, key, shown.endAt!)
    return [feature.name, { ...shown, value }]
  })
  return new Map(answers)
}

/** R8: of a key that is missing, or expired. */
export const nothingOf = (features: readonly WindowFeature[], source: Pick<SourceDefinition, 'schema'>): Answer[] =>
  features.map((feature) => answerOfRows(feature, source, []))
