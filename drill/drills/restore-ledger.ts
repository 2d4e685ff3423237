import { join } from 'node:path'
import { dropSchema } from '../../adapters/postgres/drop-schema.js'
import type { Drill } from '../drill.js'

export const drill: Drill = {
  name: 'restore-ledger',
  injects: 'a while after a backup the schema of registry and ledger is dropped, with everything in it',
  undoneBy:
    'the worker is stopped, `restore` puts the backup back and reconciles it, `apply` the Schedules; a worker is started',
  expects: { alarm: 'ledger_unreachable', afterMs: ({ pace }) => pace.unreachableMs + pace.pollMs },
  async inject(world) {
    const { backup } = await world.command('backup', '--out', join(world.dir, 'backups'))
    world.note(`backup ${backup}`)
    // Of which the backup knows nothing.
    await new Promise((resolve) => setTimeout(resolve, 2 * world.pace.everyMs))
    await dropSchema({ url: world.environment.MILLCOURSE_POSTGRES_URL!, project: world.project })
    return async () => {
      await world.stopProcess('worker')
      const { views } = await world.command('restore', '--from', String(backup), '--replace')
      world.note(`restored: ${JSON.stringify(views)}`)
      await world.command('apply')
      await world.startProcess('worker')
    }
  },
}
