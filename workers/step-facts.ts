/** What is known of the step that is under way: beside each of its log lines, and on its span. */
import { AsyncLocalStorage } from 'node:async_hooks'

export interface StepFacts {
  readonly step: string
  readonly attempt: number
  readonly workflow: string
  readonly run?: string
  readonly view?: string
  readonly version?: number
  readonly interval?: { readonly start: string; readonly end: string }
  readonly decision?: string
  readonly trace_id?: string
}

export const currentStep = new AsyncLocalStorage<StepFacts>()

type Names = Pick<StepFacts, 'run' | 'view' | 'version' | 'interval' | 'decision'>

/** What the steps are about that this process began last, by their workflow's run: the SDK tells of their end outside of them. */
const begun = new Map<string, Names>()
/** More than a process has under way. */
const begunMax = 256

export function rememberStep(workflowRunId: string, { run, view, version, interval, decision }: Names): void {
  const known = { run, view, version, interval, decision }
  begun.delete(workflowRunId)
  begun.set(workflowRunId, Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined)))
  if (begun.size > begunMax) begun.delete(begun.keys().next().value!)
}

/** Null: none of its steps was begun here lately. */
export function stepNamesOf(workflowRunId: string): Names | null {
  return begun.get(workflowRunId) ?? null
}

/** Activity -> the word that a person knows. */
const steps: Readonly<Record<string, string>> = {
  planTick: 'tick',
  planRun: 'plan',
  readSource: 'read',
  computeInterval: 'compute',
  judgeInterval: 'judge',
  publishInterval: 'publish',
  publishView: 'publish',
  recordRun: 'record',
  recordFailure: 'record',
  applyDecision: 'decide',
  planQuality: 'check',
  checkView: 'check',
  repairView: 'repair',
  planBackfill: 'backfill',
  openBackfill: 'backfill',
  takeBackfillTurn: 'backfill',
  publishBackfill: 'publish',
  endBackfill: 'backfill',
  planCompaction: 'compact',
  compactSpan: 'compact',
  removeFiles: 'remove',
}

export function stepName(activityType: string): string {
  return steps[activityType] ?? activityType
}

interface Named {
  readonly runId?: string
  readonly view?: string
  readonly version?: number
  readonly interval?: { readonly start: string; readonly end: string }
  readonly decisionId?: string
  readonly replans?: number
}

/** Of an activity's or a workflow's input: what names the view, the interval and the run. */
export function namesIn(input: unknown): Names {
  const outer = (input ?? {}) as Named & { readonly input?: Named }
  const { runId, view, version, interval, decisionId } = outer.view === undefined ? { ...outer, ...outer.input } : outer
  return {
    ...(runId === undefined ? {} : { run: runId }),
    ...(view === undefined ? {} : { view }),
    ...(version === undefined ? {} : { version }),
    ...(interval?.start === undefined ? {} : { interval: { start: interval.start, end: interval.end } }),
    ...(decisionId === undefined ? {} : { decision: decisionId }),
  }
}

/** As attributes of a span. */
export function spanAttributes(facts: Partial<StepFacts>): Record<string, string | number> {
  const { step, attempt, run, view, version, interval, decision } = facts
  return {
    ...(step === undefined ? {} : { 'millcourse.step': step }),
    ...(attempt === undefined ? {} : { 'millcourse.attempt': attempt }),
    ...(run === undefined ? {} : { 'millcourse.run': run }),
    ...(view === undefined ? {} : { 'millcourse.view': view }),
    ...(version === undefined ? {} : { 'millcourse.version': version }),
    ...(interval === undefined
      ? {}
      : { 'millcourse.interval.start': interval.start, 'millcourse.interval.end': interval.end }),
    ...(decision === undefined ? {} : { 'millcourse.decision': decision }),
  }
}
