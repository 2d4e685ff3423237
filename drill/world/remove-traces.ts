/** What a world has made in its stack's parts is taken away: a staging stack goes on without it. */
import { dropSchema } from '../../adapters/postgres/drop-schema.js'
import { endOpenWorkflows } from '../../adapters/temporal/end-open-workflows.js'
import { onlineTablePrefix } from '../../core/publish/index.js'
import type { Config } from '../../workers/config.js'
import type { StackPorts } from '../../workers/stack-ports.js'
import type { DrillStack } from '../stack/drill-stack.js'
import { DrillStopped } from '../until.js'

export interface Traces {
  readonly stack: Pick<DrillStack, 'kind'>
  /** Of the world's processes. */
  readonly config: Config
  readonly ports: StackPorts
  /** Below which lie its lake and its sources. */
  readonly root: string
}

/** With its processes stopped. What one part does not give back keeps nothing from the others. @throws DrillStopped naming what is left */
export async function removeTraces({ stack, config, ports, root }: Traces): Promise<void> {
  const { project, temporal, postgresUrl } = config
  const removeSchedules = async () => (await ports.runControl()).syncSchedules([], { isPaused: false })
  // It goes whole, and soon; until then nothing of this world is to be started.
  if (stack.kind === 'embedded') return void (await removeSchedules().catch(() => {}))
  const steps: readonly (readonly [what: string, remove: () => Promise<unknown>])[] = [
    ['the Schedules', removeSchedules],
    ['open workflows', () => endOpenWorkflows(temporal, temporal.taskQueue, 'the drill is over')],
    ['online tables', () => dropTables(ports, onlineTablePrefix(project))],
    [`files below ${root}`, () => removeFiles(ports, root)],
    ['the schema in Postgres', () => dropSchema({ url: postgresUrl, project })],
  ]
  const left: string[] = []
  for (const [what, remove] of steps) await remove().catch((error: Error) => left.push(`${what}: ${error.message}`))
  if (left.length > 0) throw new DrillStopped(`left behind of project ${project}: ${left.join('; ')}`)
}

async function dropTables(ports: StackPorts, prefix: string): Promise<void> {
  const online = await ports.online()
  for (const table of await online.listTables()) if (table.startsWith(prefix)) await online.dropTable(table)
}

async function removeFiles(ports: StackPorts, root: string): Promise<void> {
  const lake = await ports.lakeAt(root)
  for await (const { path } of lake.list('')) await lake.remove(path)
}
