import type { Drill } from '../drill.js'

export const drill: Drill = {
  name: 'postgres-restart',
  injects: 'Postgres is gone, with registry and ledger: its server is stopped, or on staging cut off',
  undoneBy: 'the server is started again on what it had, at the same address',
  expects: { alarm: 'ledger_unreachable', afterMs: ({ pace }) => pace.unreachableMs + pace.pollMs },
  world: () => ({ breaks: ['postgres'] }),
  async inject(world) {
    await world.part('postgres').break()
    return () => world.part('postgres').mend()
  },
}
