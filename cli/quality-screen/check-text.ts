/** Checks of quality as a person reads them: one line a view, then each fault with what is expected and found. */
import type { CheckQualityResult, RepairStarted } from '../../core/ports/run-control.js'
import type { Fault, FaultCause, LagCause, QualityCheck } from '../../core/quality/quality-check.js'
import type { IsoInterval } from '../../core/time/interval.js'
import { formatTable } from '../output/table.js'
import { plural } from '../output/words.js'

const faultsShown = 10

/** With what holds the rebuild that was asked for, now. */
export interface CheckShown extends QualityCheck {
  /** Whose accepted versions are at fault, and not replaced yet. Absent: it waits for nothing, or none is asked for. */
  readonly rebuildWaitsFor?: readonly IsoInterval[]
}

export function formatChecks(
  checks: readonly CheckShown[],
  failed: CheckQualityResult['failed'],
  repairs: readonly (RepairStarted & { readonly view: string; readonly version: number; readonly isDone: boolean })[],
  givenOptions: string,
): string {
  if (checks.length + failed.length === 0) return 'no view was checked yet: millcourse check-quality'
  const parts = checks.map((check) => {
    const repair = repairs.find(({ view, version }) => view === check.view && version === check.version)
    return [
      ...faultLines(check),
      ...lagLines(check),
      ...noteLines(check),
      ...waitLines(check),
      ...nextLines(check, repair, givenOptions),
    ]
  })
  return [
    ...(checks.length > 0 ? [table(checks)] : []),
    ...parts.flatMap((lines, index) => {
      const { view, version } = checks[index]!
      return lines.length === 0 ? [] : [[`${view}@v${version}`, ...lines.map((line) => `  ${line}`)].join('\n')]
    }),
    ...failed.map(
      ({ view, version, code, message }) => `${view}@v${version} could not be checked: ${code}: ${message}`,
    ),
  ].join('\n\n')
}

function table(checks: readonly QualityCheck[]): string {
  return formatTable<QualityCheck>(
    [
      { title: 'VIEW', cell: ({ view, version }) => `${view}@v${version}` },
      { title: 'CHECKED', cell: ({ checkedAt }) => checkedAt.replace(/\.\d+Z$/, 'Z') },
      { title: 'ONLINE TO', cell: ({ endAt }) => endAt ?? '' },
      { title: 'KEYS', align: 'right', cell: ({ keys }) => `${keys.committed}+${keys.published}+${keys.online}` },
      { title: 'RECOMPUTED', align: 'right', cell: ({ intervals }) => `${intervals.recomputed} of ${intervals.of}` },
      { title: 'FAULTS', align: 'right', cell: ({ faults, faultsLeft }) => String(faults.length + faultsLeft) },
    ],
    checks,
  )
}

const faultWords: Readonly<Record<FaultCause, string>> = {
  'online-item': 'what is online is not what the committed state gives',
  'committed-file': 'the committed file is not what its source files give',
  'coarse-tile': 'a coarse tile is not the sum of its tiles',
  'published-state': 'the cache of what is online says otherwise than the table',
  'published-from': 'what is online may have been published from a committed file at fault',
}

function faultLines({ faults, faultsLeft }: QualityCheck): string[] {
  const shown = faults.slice(0, faultsShown)
  const left = faults.length - shown.length + faultsLeft
  return [...shown.flatMap(faultText), ...(left > 0 ? [`and ${plural(left, 'more fault')} (--json)`] : [])]
}

/** Of whole files; what is wrong of them is what was found. */
const fileWords: Readonly<Partial<Record<FaultCause, string>>> = {
  'committed-file': 'a committed file',
  'coarse-tile': 'a coarse tile',
  'published-from': 'what is online may have been published from a committed file that',
}

function faultText(fault: Fault): string[] {
  const key = Object.entries(fault.key ?? {}).map(([name, value]) => `${name}=${value}`)
  const isWhole = fault.key === null && fault.file !== null && fault.cause in fileWords
  const until = isWhole && fault.interval ? ` to ${fault.interval.end}` : ''
  const place = fault.interval === null ? [] : [`of ${fault.interval.start}${until}`]
  const values =
    isWhole || (fault.expected === null && fault.found === null)
      ? []
      : [`  expected ${fault.expected ?? 'nothing'}, found ${fault.found ?? 'nothing'}`]
  const file = fault.file === null ? [] : [`  ${fault.file}`]
  const what = isWhole ? `${fileWords[fault.cause]} ${fault.found ?? 'cannot be read'}` : faultWords[fault.cause]
  const { judgedAt } = fault
  const since =
    judgedAt === undefined ? [] : [`  found ${judgedAt.replace(/\.\d+Z$/, 'Z')}; it could not be judged anew`]
  return [[...key, ...place].join(' ').concat(`: ${what}`).replace(/^: /, ''), ...values, ...file, ...since]
}

const lagWords: Readonly<Record<LagCause, string>> = {
  'late-file': 'a file came after the run',
  'file-changed': 'a source file was changed or removed after the run',
  'interval-held': 'an interval is held',
  'interval-failed': 'an interval failed',
  'interval-rejected': 'an interval was rejected',
  'interval-open': 'an interval is under way',
  'interval-missing': 'an interval has not run',
  'unpublished-commit': 'a commit is not published yet',
  'publish-open': 'a publish is under way, or was not finished',
}

function lagLines({ lags }: QualityCheck): string[] {
  return lags.map(({ cause, keys, firstInterval }) => {
    const since = firstInterval === null ? '' : `, from ${firstInterval.start} on`
    return `no fault: the source gives ${plural(keys, 'key')} another value by now: ${lagWords[cause]}${since}`
  })
}

function noteLines({ lostInputs, tooLarge = 0, unreadable, unsettled }: QualityCheck): string[] {
  return [
    ...(lostInputs > 0
      ? [`${plural(lostInputs, 'interval')} cannot be computed again: what they are made of is gone, or another now`]
      : []),
    ...(tooLarge > 0
      ? [`${plural(tooLarge, 'interval')} not computed again: made of more of the view below than a check reads`]
      : []),
    ...(unreadable ? [`items were compared with tiles and rows alone: ${unreadable.message}`] : []),
    ...(unsettled > 0
      ? [`${plural(unsettled, 'key')} changed each time they were looked at: nothing is said of them`]
      : []),
  ]
}

function waitLines({ rebuildWaitsFor: [first, ...others] = [] }: CheckShown): string[] {
  if (!first) return []
  const what = others.length === 0 ? first.start : `${first.start} and ${plural(others.length, 'more interval')}`
  return [`what is online is compared once ${what} ${others.length === 0 ? 'has' : 'have'} a new accepted version`]
}

function nextLines(
  { view, faults, faultsLeft, unreadable, repairFirst }: QualityCheck,
  repair: (RepairStarted & { readonly isDone: boolean }) | undefined,
  givenOptions: string,
): string[] {
  if (faults.length === 0) return []
  const isLost = faults.some(({ cause, isRepairable }) => cause === 'committed-file' && !isRepairable)
  const again = `millcourse check-quality ${view} --repair --reason "…"${givenOptions}`
  const below = `millcourse check-quality ${repairFirst} --repair --reason "…"${givenOptions}`
  const putBack = repairFirst
    ? `next: ${below}: what this view is made of is at fault there, or to run again; then ${again}`
    : unreadable !== null
      ? `next: ${again}, once its source can be read`
      : `next: put the file back from a backup of the lake, or what it is made of, where that is gone or another now, as before; then ${again}`
  if (!repair) return [isLost ? putBack : `next: ${again}`]
  const what = [
    ...(repair.reopened.length > 0 ? [`${plural(repair.reopened.length, 'interval')} run again`] : []),
    ...(repair.isRebuildAsked ? ['everything online is compared and published'] : []),
  ].join(', ')
  const left = repair.left > 0 ? `; ${plural(repair.left, 'fault')} cannot be repaired (docs/quality-checks.md)` : ''
  const more = faultsLeft > 0 ? `; ${plural(faultsLeft, 'fault')} beyond the list: check again` : ''
  const nothing = isLost ? 'nothing is published anew from a file at fault' : 'nothing to do'
  const above = repair.above?.map(
    ({ view, version, intervals }) =>
      `${view}@v${version}: ${plural(intervals, 'interval')} made of these run again after them`,
  )
  return [
    `repair: ${what === '' ? nothing : what}: ${repair.isDone ? 'done' : 'still under way'}${left}${more}`,
    ...(above ?? []),
    ...(isLost ? [putBack] : []),
  ]
}
