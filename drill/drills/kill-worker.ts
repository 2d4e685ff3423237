import type { Drill } from '../drill.js'

export const drill: Drill = {
  name: 'kill-worker',
  injects: 'the only worker is killed with SIGKILL, whatever it is doing',
  undoneBy: 'a worker is started',
  // The interval that ends next has no run when its time of grace is over.
  expects: { alarm: 'missing_run', afterMs: ({ pace }) => pace.everyMs + pace.graceMs },
  async inject(world) {
    await world.killProcess('worker')
    return () => world.startProcess('worker')
  },
}
