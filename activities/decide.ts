/** Carries out a recorded decision (R37): accept commits exactly the judged candidate, reject none, rerun asks for a new run. */
import type { LakePart } from '../core/compute/candidate.js'
import { searchedAroundNs } from '../core/compute/index.js'
import { assertNever, isMillcourseError, MillcourseError } from '../core/errors.js'
import type { Decision } from '../core/ports/ledger.js'
import type { DecideInput, RunInput, SearchLabels } from '../core/ports/run-control.js'
import { committedPath } from '../core/publish/index.js'
import { filesOf, inputsHash, rowSource } from '../core/source/index.js'
import { toIsoInterval } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'
import { listDimensions } from './dimension-files.js'
import { promoteCandidate } from './promote-candidate.js'
import { searchLabels } from './search-labels.js'
import { sourceFiles } from './source-files.js'
import type { ApplyDecisionResult } from './steps.js'

/** May be repeated: the ledger carries a decision out once, and gives the same answer afterwards. */
export function applyDecision(deps: ActivityDeps): (input: DecideInput) => Promise<ApplyDecisionResult> {
  return async (input) => {
    const decision = await deps.ledger.decision(input.decisionId)
    if (!decision)
      throw new MillcourseError('DECIDE_NOT_APPLICABLE', `the ledger has no decision ${input.decisionId}`, {
        hint: 'record it with `millcourse decide`',
        facts: { decision: input.decisionId },
      })
    const acceptedData = decision.action === 'accept' ? await placeCandidate(deps, decision) : null
    const seen = decision.action === 'reject' ? await filesSeen(deps, decision) : null
    const outcome = await deps.ledger.applyDecision(input.decisionId, acceptedData, seen)
    const { view, version, action, by } = decision
    deps.log.info({ decision: input.decisionId, view, version, action, by, outcome: outcome.kind }, 'decision applied')
    const labels = await labelsOf(deps, decision)
    switch (outcome.kind) {
      case 'superseded':
        return { ...outcome, ...labels }
      case 'candidate-gone':
        deps.log.warn(
          { run: decision.runId, view, version },
          'nothing was accepted: the candidate is gone from the lake',
        )
        return { ...outcome, ...labels }
      case 'committed':
        return { kind: 'committed', view, version, ...labels }
      case 'kept':
        return action === 'rerun'
          ? {
              kind: 'rerun',
              run: { ...rerunInput(decision, input), ...labels },
              project: deps.settings.project,
              ...labels,
            }
          : { kind: 'kept', view, version, ...labels }
      default:
        return assertNever(outcome)
    }
  }
}

async function labelsOf(deps: ActivityDeps, { view, version }: Decision): Promise<{ readonly labels?: SearchLabels }> {
  if (!deps.settings.isSearchable) return {}
  try {
    return searchLabels(deps, (await deps.registry.view(view, version)).view)
  } catch (error) {
    // A view that is not applied any more may still be decided on.
    if (error instanceof MillcourseError && error.code === 'REGISTRY_UNKNOWN_VIEW') return {}
    throw error
  }
}

/** `gone`: it lies neither where it was computed nor where it would count; without an end the decision would keep every other from the run. */
async function placeCandidate(
  deps: ActivityDeps,
  { view, version, runId }: Decision,
): Promise<LakePart | null | 'gone'> {
  const run = runId === null ? null : await deps.ledger.run(runId)
  if (!run?.candidate)
    throw new MillcourseError('DECIDE_NOT_APPLICABLE', `run ${runId} has no judged candidate to accept`, {
      hint: 'millcourse decide RUN rerun --reason … makes a new one',
      facts: { run: runId ?? '' },
    })
  const bundle = await deps.registry.view(view, version)
  try {
    return await promoteCandidate(deps, bundle, run)
  } catch (error) {
    const isMissing = error instanceof MillcourseError && error.code === 'LAKE_FILE_MISSING'
    const places = [run.candidate.data?.path, committedPath(bundle.view, run.interval.start, run.runId)]
    const found = isMissing ? await Promise.all(places.map((path) => (path ? deps.lake.head(path) : null))) : []
    if (isMissing && found.every((file) => file === null)) return 'gone'
    throw error
  }
}

/**
 * R27: what comes later is to be told from what was there when somebody rejected a run that had not come to its files. Null: the run has its
 * own, or there is none, or the source cannot be listed: then nothing is compared, and the decision stands.
 */
async function filesSeen(deps: ActivityDeps, { view, version, runId, interval }: Decision): Promise<string | null> {
  const run = runId === null ? null : await deps.ledger.run(runId)
  if (run === null || run.pins !== null) return null
  try {
    const bundle = await deps.registry.view(view, version)
    const around = searchedAroundNs(bundle)
    const searched = { start: interval.start - around, end: interval.end + around }
    const own = filesOf(await sourceFiles(deps, rowSource(bundle.source), searched), interval)
    const dimensions = await listDimensions(deps, bundle.source, searched)
    return inputsHash([...own, ...dimensions(searched)])
  } catch (error) {
    if (!isMillcourseError(error)) throw error
    deps.log.warn({ run: runId, view, version, code: error.code }, 'later files of a rejected interval are not noticed')
    return null
  }
}

function rerunInput({ view, version, interval }: Decision, { now, heartbeatMs }: DecideInput): RunInput {
  const timing = heartbeatMs === undefined ? { now } : { now, heartbeatMs }
  return { view, version, interval: toIsoInterval(interval), kind: 'rerun', ...timing }
}
