import type { Activities } from '../activities/steps.js'

export type RunStep = 'plan' | 'read' | 'compute' | 'judge' | 'publish' | 'record'

type RoadActivities = Pick<
  Activities,
  'planRun' | 'readSource' | 'computeInterval' | 'judgeInterval' | 'publishInterval' | 'recordRun'
>

export interface NotedSteps {
  readonly steps: RoadActivities
  /** The step that was entered last: where the run stood when something went wrong. */
  current(): RunStep
}

export function noteSteps(activities: RoadActivities): NotedSteps {
  let current: RunStep = 'plan'
  const note =
    <Args extends unknown[], Result>(step: RunStep, work: (...args: Args) => Promise<Result>) =>
    (...args: Args): Promise<Result> => {
      current = step
      return work(...args)
    }
  return {
    steps: {
      planRun: note('plan', activities.planRun),
      readSource: note('read', activities.readSource),
      computeInterval: note('compute', activities.computeInterval),
      judgeInterval: note('judge', activities.judgeInterval),
      publishInterval: note('publish', activities.publishInterval),
      recordRun: note('record', activities.recordRun),
    },
    current: () => current,
  }
}
