import type { Drill } from '../drill.js'

export const drill: Drill = {
  name: 'throttle',
  injects: 'DynamoDB throttles every request',
  undoneBy: 'it takes requests again',
  // The run that comes next publishes nothing, and is longer at work than its view promises.
  expects: { alarm: 'slow_run', afterMs: ({ pace }) => pace.everyMs + pace.runMsMax },
  world: ({ runMsMax }) => {
    const sla = { sla: { duration: `${runMsMax / 1_000}s` } }
    return { breaks: ['dynamodb'], totals: sla, latest: sla }
  },
  // A run may leave its publish to another one and end, slow as it was: its incident ends with it.
  staysMs: () => 0,
  async inject(world) {
    await world.part('dynamodb').break('throttled')
    return () => world.part('dynamodb').mend()
  },
}
