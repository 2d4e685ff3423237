/** The steps of a run, called as a worker calls them, without a scheduler in between: what is measured is the product's own time. */
import { asyncLocalStorage, Context, type Info } from '@temporalio/activity'
import { noopMetricMeter } from '@temporalio/common'
import { DefaultLogger } from '@temporalio/worker'
import type { ActivityDeps } from '../activities/activity-deps.js'
import { createActivities } from '../activities/create-activities.js'
import type { Activities } from '../activities/steps.js'
import { SystemClock } from '../adapters/clock/system-clock.js'
import type { RunInput } from '../core/ports/run-control.js'
import { openStepDeps } from '../workers/open-step-deps.js'
import type { BenchProject } from './bench-stack.js'

export interface StepCaller {
  readonly deps: ActivityDeps
  call<Result>(id: string, work: (activities: Activities) => Promise<Result>): Promise<Result>
  /** The whole road; how long each step took, in ms. Anything but a published hour is an error. */
  run(input: RunInput, expected?: 'published' | 'committed'): Promise<Record<RoadStep, number>>
}

export const roadSteps = ['plan', 'read', 'compute', 'judge', 'publish', 'record'] as const
export type RoadStep = (typeof roadSteps)[number]

let calls = 0

export async function stepCaller({ config, ports }: Pick<BenchProject, 'config' | 'ports'>): Promise<StepCaller> {
  const silent = { info: () => {}, warn: () => {}, error: () => {} }
  const deps = await openStepDeps(config, ports, { clock: new SystemClock(), log: silent })
  const activities = createActivities(deps)
  const call: StepCaller['call'] = (id, work) => asyncLocalStorage.run(newContext(id), () => work(activities))
  const run: StepCaller['run'] = async (input, expected = 'published') => {
    const id = `run-${++calls}`
    const took = {} as Record<RoadStep, number>
    const step = async <Result>(name: RoadStep, work: (activities: Activities) => Promise<Result>): Promise<Result> => {
      const startedMs = performance.now()
      const result = await call(id, work)
      took[name] = performance.now() - startedMs
      return result
    }
    const plan = await step('plan', (steps) => steps.planRun(input))
    if (plan.kind !== 'ready') throw new Error(`the run of ${input.interval.start} is ${plan.kind}`)
    await step('read', (steps) => steps.readSource(plan.run))
    await step('compute', (steps) => steps.computeInterval(plan.run))
    await step('judge', (steps) => steps.judgeInterval(plan.run))
    const published = await step('publish', (steps) =>
      steps.publishInterval({ ...plan.run, supersedes: plan.supersedes }),
    )
    if (published.kind !== expected)
      throw new Error(`the run of ${input.interval.start} is ${JSON.stringify(published)}`)
    const end = published.kind === 'published' ? published : { keyCounts: null, itemsWritten: 0 }
    await step('record', (steps) =>
      steps.recordRun(plan.run, {
        outcome: published.kind === 'published' ? 'done' : 'committed',
        keyCounts: end.keyCounts,
        itemsWritten: end.itemsWritten,
      }),
    )
    return took
  }
  return { deps, call, run }
}

function newContext(id: string): Context {
  const info = { attempt: 1, workflowExecution: { workflowId: `workflow-${id}`, runId: id } } as unknown as Info
  const never = new Promise<never>(() => {})
  const signal = new AbortController().signal
  return new Context(info, never, signal, () => {}, undefined, new DefaultLogger('ERROR'), noopMetricMeter, {})
}
