import type { Drill } from '../drill.js'

export const drill: Drill = {
  name: 'stop-watcher',
  injects: 'the only watcher is killed with SIGKILL: nobody is left to tell of anything',
  undoneBy: 'a watcher is started',
  // Whoever listens for signs of life hears none.
  expects: { alarm: 'dead_man_switch', afterMs: ({ pace }) => pace.silenceMs },
  async inject(world) {
    await world.killProcess('watcher')
    return () => world.startProcess('watcher')
  },
}
