/** What to do about a run: commands that can be pasted as they are, and what happens by itself. Pure, and written for a tired person. */
import { assertNever, errorCodes, isErrorCode, type RetryAdvice } from '../../core/errors.js'
import type { DurationText } from '../../core/time/duration.js'
import { claimSteps } from './claim-steps.js'
import type { NextStep, RunDetails, RunFacts } from './run-facts.js'

export interface Situation extends Omit<RunFacts, 'nextSteps'> {
  readonly owners: { readonly view: string | null; readonly source: string | null }
  /** Null: finished intervals are not compared with their files again (R27). */
  readonly lookback: DurationText | null
  /** Whether `VIEW` alone, as `materialize` takes it, means this version. */
  readonly isNewestVersion: boolean
  /** The global options to end a command with. */
  readonly givenOptions: string
}

/** Decisions are of the run by its id: what is held next under the same interval is another run. */
export function nextSteps(situation: Situation): NextStep[] {
  const { run, details, interval } = situation
  const command = (text: string) => `millcourse ${text}${situation.givenOptions}`
  const decision = interval.pendingDecision
  if (decision) {
    const target = decision.run ?? `${labelOf(situation)}@${situation.start}`
    return [
      {
        why: `${decision.action} was decided by ${decision.by} at ${decision.requestedAt} and is being carried out; see how it ends`,
        command: command(`runs show ${labelOf(situation)}@${situation.start}`),
      },
      {
        why: 'if it stays so, Temporal was away: the next tick carries it out, or the same word again at once',
        command: command(`decide ${target} ${decision.action} --reason "as decided"`),
      },
    ]
  }
  if (run === null || !details) return [...claimSteps(interval, command), ...neverRan(situation, command)]
  const newer = interval.latestRun
  if (details.outcome === 'skipped') return interval.reopenedBecause === null ? [nothing] : reopened(situation, command)
  if (newer && newer.run !== run)
    return [
      {
        why: `nothing to do about this run: a newer one of the interval is ${newer.outcome}`,
        command: command(`runs show ${newer.run}`),
      },
    ]
  const steps = ofOutcome(situation, run, details, command)
  const isLeft = interval.reopenedBecause !== null || details.outcome === 'failed' || details.outcome === 'not-ready'
  return [
    ...(isLeft ? claimSteps(interval, command) : []),
    ...reopened(situation, command),
    ...steps.filter((one) => one !== nothing || !interval.reopenedBecause),
  ]
}

type Command = (text: string) => string

function ofOutcome(situation: Situation, id: string, details: RunDetails, command: Command): NextStep[] {
  switch (details.outcome) {
    case 'held':
      return [
        step('the values are true: commit them', command(`decide ${id} accept --reason "the values are true"`)),
        step('the source was corrected: read it again', command(`decide ${id} rerun --reason "source corrected"`)),
        step(withoutItsRows(situation), command(`decide ${id} reject --reason "the values are wrong"`)),
      ]
    case 'failed':
      return ofFailure(situation, id, details, command)
    case 'not-ready':
      return ofWaiting(situation, id, details, command)
    case 'running':
      return underWay(situation, id, details, command)
    case 'committed':
      if (holds(situation, id)) return ofFeatures(situation, id, command)
      if (situation.interval.isPublished) return nothingBut(situation, id, command)
      return situation.interval.isOfOpenBackfill
        ? [step('nothing: its backfill publishes it, at its end', command('backfill status'))]
        : [step('nothing: the next publish carries it online; what keeps it back', command('incidents'))]
    case 'rejected':
      return ofRejected(situation, id, command)
    case 'superseded': {
      const { committedRun } = situation.interval
      return committedRun === null
        ? [step('nothing: the interval is planned again with the next tick', null)]
        : [step('nothing: the accepted version is of another run', command(`runs show ${committedRun}`))]
    }
    case 'done':
      return holds(situation, id) ? ofFeatures(situation, id, command) : nothingBut(situation, id, command)
    case 'accepted':
    case 'skipped':
      return [nothing]
    default:
      return assertNever(details.outcome)
  }
}

function underWay(situation: Situation, id: string, { work }: RunDetails, command: Command): NextStep[] {
  const again = step('it is under way: look again', command(`runs show ${id}`))
  if (work?.kind === 'over') {
    const { view, start, end, isNewestVersion } = situation
    const anew = command(`materialize ${view} --from ${start} --to ${end}`)
    return [step(`the next tick runs it anew${isNewestVersion ? '; at once' : ''}`, isNewestVersion ? anew : null)]
  }
  const isUnclaimed = work?.kind === 'unclaimed' || (work?.kind === 'step' && work.state === 'unclaimed')
  if (isUnclaimed) return [step('no worker takes it: see whether one works', command('doctor')), again]
  const code = work?.kind === 'step' ? (work.lastFailure?.code ?? '') : ''
  return isOutage(code) ? [doctor(command), again] : [again]
}

function ofWaiting(situation: Situation, id: string, { waitedFor }: RunDetails, command: Command): NextStep[] {
  const reject = step(withoutItsRows(situation), command(`decide ${id} reject --reason "there will be no data"`))
  const below = waitedFor?.view
  if (below !== undefined)
    return [
      step(
        `the next tick looks again: it runs once ${below} has committed; what keeps that`,
        command(`runs --view ${below}`),
      ),
      step('it has: run it', command(`decide ${id} rerun --reason "${below} has committed"`)),
      reject,
    ]
  const owner = situation.owners.source ?? 'the owner of the source'
  return [
    step(`the next tick looks again; ask ${owner} for the files`, null),
    step('they are there now: run it', command(`decide ${id} rerun --reason "the files are there"`)),
    reject,
  ]
}

/** R35. */
const holds = ({ interval: { committedRun, heldFeatures } }: Situation, id: string): boolean =>
  heldFeatures !== undefined && committedRun === id

function ofFeatures({ interval: { heldFeatures = [] } }: Situation, id: string, command: Command): NextStep[] {
  const names = heldFeatures.join(', ')
  return [
    step(
      `the values of ${names} are true: commit them, too`,
      command(`decide ${id} accept --reason "the values are true"`),
    ),
    step('the source was corrected: read it again', command(`decide ${id} rerun --reason "source corrected"`)),
    step(`leave ${names} out for good`, command(`decide ${id} reject --reason "the values are wrong"`)),
  ]
}

/** R37: what was left, and the way back. Without files to compare with, as where its source could not be listed, none is noticed (R27). */
function ofRejected({ interval, lookback }: Situation, id: string, command: Command): NextStep[] {
  const left =
    interval.committedRun === id
      ? 'the interval is committed as empty'
      : `the version that was accepted before it counts${interval.isEmpty ? ', which is empty' : ''}`
  const noticed =
    lookback === null
      ? 'its files are not looked at again (the view has no lookback)'
      : `a tick runs it again if its files change while it lies within the lookback (${lookback})`
  return [step(`nothing: ${left}; ${noticed}`, null), asMistake(id, command)]
}

/** R35: of features that its commit leaves out and nobody has to decide on, that they were rejected. */
function nothingBut({ details, interval }: Situation, id: string, command: Command): NextStep[] {
  const isLeftOut = details?.heldFeatures !== undefined && interval.committedRun === id
  return isLeftOut ? [nothing, asMistake(id, command)] : [nothing]
}

function asMistake(id: string, command: Command): NextStep {
  return step(
    'the reject was a mistake: read the source again',
    command(`decide ${id} rerun --reason "it was rejected by mistake"`),
  )
}

function ofFailure(situation: Situation, id: string, { error }: RunDetails, command: Command): NextStep[] {
  const retry: RetryAdvice = error && isErrorCode(error.code) ? errorCodes[error.code].retry : 'after-fix'
  const again = command(`decide ${id} rerun --reason "${retry === 'after-fix' ? 'fixed' : 'try again'}"`)
  const check = error && isOutage(error.code) ? [doctor(command)] : []
  const reject = step(withoutItsRows(situation), command(`decide ${id} reject --reason "there will be no data"`))
  if (retry !== 'after-fix') return [...check, step('the next tick tries it again; at once', again)]
  // R33: a publish of the view version covers whatever is committed, of whatever run. One that kills workers is no tick's to try again.
  if (error?.step === 'publish' && situation.interval.committedRun === id && error.code !== 'RUN_WORKER_DIED')
    return [
      ...(error.hint ? [step(error.hint, null)] : []),
      ...check,
      step('its values are committed: once it is fixed, the next tick carries them online; at once', again),
    ]
  // Files are compared with those that were pinned (R27): a run that failed before has none.
  const isNoticed = situation.lookback !== null && error?.step !== 'plan'
  return [
    ...(error?.hint ? [step(error.hint, null)] : []),
    ...check,
    step(isNoticed ? 'a tick notices changed files and definitions; else' : 'then run it again', again),
    ...(error?.code.startsWith('SOURCE_') ? [reject] : []),
  ]
}

function isOutage(code: string): boolean {
  return /_UNREACHABLE$|^STACK_|_ACCESS_DENIED$/.test(code)
}

function doctor(command: Command): NextStep {
  return step('see what answers', command('doctor'))
}

function neverRan(situation: Situation, command: Command): NextStep[] {
  if (situation.interval.committedRun !== null)
    return [step('nothing: a decision made its accepted version', null), ...reopened(situation, command)]
  if (!situation.interval.isOver) return [step('nothing: the interval is not over', null)]
  return [
    ...(situation.isNewestVersion
      ? [step('run it now', command(`materialize ${situation.view} --from ${situation.start} --to ${situation.end}`))]
      : []),
    ...(situation.interval.claimedBy ? [] : [step('see why no tick started it', command('doctor'))]),
    step(
      withoutItsRows(situation),
      command(`decide ${labelOf(situation)}@${situation.start} reject --reason "there will be no data"`),
    ),
  ]
}

function reopened({ interval, view, start, end, isNewestVersion }: Situation, command: Command): NextStep[] {
  if (interval.reopenedBecause === null) return []
  return [
    step(
      `the next tick runs the interval again (${interval.reopenedBecause})${isNewestVersion ? '; at once' : ''}`,
      isNewestVersion ? command(`materialize ${view} --from ${start} --to ${end}`) : null,
    ),
  ]
}

/** R37: what a reject leaves. */
function withoutItsRows({ interval }: Situation): string {
  return interval.committedRun === null
    ? 'go on without its rows: commit it as empty'
    : `go on with the version accepted before${interval.isEmpty ? ', which is empty' : ''}`
}

function labelOf({ view, version }: Situation): string {
  return `${view}@v${version}`
}

const nothing: NextStep = { why: 'nothing to do', command: null }

function step(why: string, command: string | null): NextStep {
  return { why, command }
}
