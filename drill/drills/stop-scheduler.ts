import type { Drill } from '../drill.js'

export const drill: Drill = {
  name: 'stop-scheduler',
  injects: 'Temporal is gone: its server is stopped, or on staging cut off',
  undoneBy: 'the server is started again on what it had, at the same address',
  expects: { alarm: 'scheduler_unreachable', afterMs: ({ pace }) => pace.unreachableMs + pace.pollMs },
  world: () => ({ breaks: ['temporal'] }),
  async inject(world) {
    await world.part('temporal').break()
    return () => world.part('temporal').mend()
  },
}
