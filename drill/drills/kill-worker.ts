import type { Drill } from '../drill.js'
import { everyMs, graceMs } from '../world/world-options.js'

export const drill: Drill = {
  name: 'kill-worker',
  injects: 'the only worker is killed with SIGKILL, whatever it is doing',
  undoneBy: 'a worker is started',
  // The interval that ends next has no run when its time of grace is over.
  expects: { alarm: 'missing_run', afterMs: () => everyMs + graceMs },
  async inject(world) {
    await world.killProcess('worker')
    return () => world.startProcess('worker')
  },
}
