import type { Drill } from '../drill.js'

export const drill: Drill = {
  name: 'pause-schedules',
  injects: 'somebody applies with `--paused`, and forgets it: every Schedule is paused',
  undoneBy: '`apply`, which has the Schedules go on',
  // The interval that ends next has no run when its time of grace is over, and Temporal says why.
  expects: { alarm: 'skipped', afterMs: ({ pace }) => pace.everyMs + pace.graceMs },
  async inject(world) {
    await world.command('apply', '--paused')
    return async () => void (await world.command('apply'))
  },
}
