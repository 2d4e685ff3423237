import { setTimeout as sleep } from 'node:timers/promises'
import { MillcourseError } from '../../core/errors.js'
import type { LedgerReader } from '../../core/ports/ledger.js'
import type { CheckQualityResult, RepairStarted } from '../../core/ports/run-control.js'
import { type QualityCheck, sampleMax } from '../../core/quality/quality-check.js'
import { parseDuration } from '../../core/time/duration.js'
import { fromIsoInterval, toIsoInterval } from '../../core/time/interval.js'
import type { CliContext, Report } from '../context.js'
import { checkOutcome } from '../quality-screen/check-outcome.js'
import { type CheckShown, formatChecks } from '../quality-screen/check-text.js'

export interface CheckQualityOptions {
  readonly sample: number
  readonly seed?: number
  readonly repair?: boolean
  readonly reason?: string
  readonly last?: boolean
  readonly timeout: string
}

const lookEveryMs = 500

/** Whether what is served is what the source gives: checks, or tells of the last checks; `--repair` has faults put right. */
export async function checkQuality(
  context: CliContext,
  names: readonly string[],
  options: CheckQualityOptions,
): Promise<Report> {
  const repair = repairOf(context, options)
  if (options.sample > sampleMax)
    throw new MillcourseError('USAGE', `--sample ${options.sample} is more than ${sampleMax} keys`, {
      hint: 'a repair compares every key, whatever was drawn',
    })
  const ledger = await context.ledger()
  const registry = await context.registry()
  // An unknown name is told before anything is begun.
  for (const name of names) await registry.view(name)
  if (options.last) {
    const isAsked = ({ view }: QualityCheck) => names.length === 0 || names.includes(view)
    return report(context, await withWaits(ledger, (await ledger.qualityChecks()).filter(isAsked)), [], [])
  }
  const seed = options.seed ?? null
  context.progress.update('checking')
  const views = names.length === 0 ? null : names
  const result = await (await context.runControl()).checkQuality({
    ...{ views, sample: options.sample, seed, repair, now: context.pretendedNow },
  })
  const checks = await ledger.qualityChecks()
  const found = result.checked.flatMap(
    ({ view, version }) => checks.find((one) => one.view === view && one.version === version) ?? [],
  )
  const repairs = repair === null ? [] : await waitForRepairs(context, ledger, result, options)
  context.progress.end()
  return report(context, await withWaits(ledger, found), result.failed, repairs)
}

function repairOf(context: CliContext, options: CheckQualityOptions) {
  if (!options.repair) return null
  if (options.last)
    throw new MillcourseError('USAGE', '--last only tells of the last checks; it repairs nothing', {
      hint: 'leave --last out: a repair checks first',
    })
  if (!options.reason?.trim())
    throw new MillcourseError('USAGE', 'a repair needs a reason', { hint: '--repair --reason "why"' })
  return { by: context.actor, reason: options.reason }
}

export interface RepairEnd extends RepairStarted {
  readonly view: string
  readonly version: number
  /** Intervals are committed anew, and the publish has finished. */
  readonly isDone: boolean
}

/** What a repair asks for is done by runs and a publish: they go on when this stops waiting. */
async function waitForRepairs(
  context: CliContext,
  ledger: LedgerReader,
  { checked }: CheckQualityResult,
  { timeout }: CheckQualityOptions,
): Promise<RepairEnd[]> {
  const untilMs = context.clock.monotonicMs() + Number(parseDuration(timeout) / 1_000_000n)
  const ends: RepairEnd[] = []
  for (const { view, version, repair } of checked) {
    if (repair === null) continue
    context.progress.update(`repairing ${view}`)
    let isDone = await isRepaired(ledger, { view, version }, repair)
    while (!isDone && context.clock.monotonicMs() < untilMs && !context.signal.aborted) {
      await sleep(lookEveryMs)
      isDone = await isRepaired(ledger, { view, version }, repair)
    }
    ends.push({ view, version, ...repair, isDone })
  }
  return ends
}

/** An interval is when the run that was begun for it is the one that is committed: held or failed, the file at fault stands. */
export async function isRepaired(
  ledger: Pick<LedgerReader, 'isRebuildAsked' | 'intervalStates'>,
  key: { readonly view: string; readonly version: number },
  { reopened, isRebuildAsked }: RepairStarted,
): Promise<boolean> {
  if (isRebuildAsked && (await ledger.isRebuildAsked(key))) return false
  for (const interval of reopened) {
    const [state] = await ledger.intervalStates(key, fromIsoInterval(interval))
    if (state?.reopenedBecause || !state?.committed || state.committed.runId !== state.latestRun?.runId) return false
  }
  return true
}

async function withWaits(
  ledger: Pick<LedgerReader, 'rebuildWaits'>,
  checks: readonly QualityCheck[],
): Promise<CheckShown[]> {
  const waits = await Promise.all(checks.map((check) => ledger.rebuildWaits(check)))
  return checks.map((check, index) => ({ ...check, rebuildWaitsFor: waits[index]!.map(toIsoInterval) }))
}

function report(
  context: CliContext,
  checks: readonly CheckShown[],
  failed: CheckQualityResult['failed'],
  repairs: readonly RepairEnd[],
): Report {
  return {
    outcome: checkOutcome(checks, failed.length, repairs),
    data: { checks, failed, repairs },
    text: formatChecks(checks, failed, repairs, context.givenOptions),
  }
}
