import { builtProgram } from '../../workers/stack-package.js'
import type { Drill } from '../drill.js'

const skewMs = -3_600_000

export const drill: Drill = {
  name: 'clock-skew',
  injects: 'the worker is started again on a machine whose clock is an hour behind',
  undoneBy: 'its clock is put right, and the worker started again',
  // By its clock nothing is due: the interval that ends next has no run.
  expects: { alarm: 'missing_run', afterMs: ({ pace }) => pace.everyMs + pace.graceMs },
  async inject(world) {
    await world.stopProcess('worker')
    const skewed = builtProgram('drill/faults/skewed-clock.js')
    await world.startProcess('worker', { NODE_OPTIONS: `--import ${skewed}`, DRILL_CLOCK_SKEW_MS: String(skewMs) })
    return async () => {
      await world.stopProcess('worker')
      await world.startProcess('worker')
    }
  },
}
