import type { Drill } from '../drill.js'
import type { Pace } from '../world/pace.js'

const freshnessMs = ({ everyMs }: Pace) => 6 * everyMs

export const drill: Drill = {
  name: 'dynamodb-down',
  injects: 'every connection to DynamoDB is cut',
  undoneBy: 'it is reached again',
  // Runs go on and commit; what is online grows old.
  expects: { alarm: 'stale', afterMs: ({ pace }) => freshnessMs(pace) },
  world: (pace) => {
    const sla = { sla: { freshness: `${freshnessMs(pace) / 1_000}s` } }
    return { breaks: ['dynamodb'], totals: sla, latest: sla }
  },
  async inject(world) {
    await world.part('dynamodb').break('gone')
    return () => world.part('dynamodb').mend()
  },
}
