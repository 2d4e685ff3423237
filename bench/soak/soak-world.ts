/** The product under a soak: servers of its own, DynamoDB behind a proxy, fifty views with their Schedules, and somebody on call. */
import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { FeatureRepo } from '../../core/define/definitions.js'
import { type FaultProxy, startFaultProxy } from '../../drill/faults/fault-proxy.js'
import { type IncidentReceiver, startIncidentReceiver } from '../../drill/receiver/incident-receiver.js'
import type { DrillStack } from '../../drill/stack/drill-stack.js'
import { startEmbeddedStack } from '../../drill/stack/embedded-stack.js'
import { paceOf } from '../../drill/world/pace.js'
import { shortTimes } from '../../drill/world/short-times.js'
import { readConfig } from '../../workers/config.js'
import { builtProgram } from '../../workers/stack-package.js'
import { openStackPorts, type StackPorts } from '../../workers/stack-ports.js'
import { createSoakChildren, type SoakChildren } from './soak-children.js'
import { type SoakProcess, soakProcesses } from './soak-plan.js'
import { createSoakSource, type SoakSource } from './soak-source.js'
import { type SoakShape, soakRepo } from './soak-views.js'

export const project = 'soak'
const secretVariable = 'SOAK_SECRET'

export interface SoakWorld {
  readonly stack: DrillStack
  readonly dir: string
  readonly logDir: string
  /** Where the sources lie. */
  readonly sourceRoot: string
  readonly repo: FeatureRepo
  readonly shape: SoakShape
  /** To look at what the product has done, past the proxy: never used by the product. */
  readonly ports: StackPorts
  readonly children: SoakChildren
  readonly proxy: FaultProxy
  readonly receiver: IncidentReceiver
  readonly source: SoakSource
  /** `millcourse …` as an operator has it, `--json`. @throws Error with what it said, where it fails */
  command(...words: string[]): Promise<Record<string, unknown>>
  close(): Promise<void>
}

export interface SoakWorldPlan {
  readonly seed: number
  readonly everyMs: number
  readonly sources: number
  /** Told of what the servers do. */
  readonly say: (text: string) => void
  /** Beside the environment of all. */
  readonly settingsOf: (name: SoakProcess, logDir: string) => Readonly<Record<string, string>>
}

export async function openSoakWorld({ seed, everyMs, sources, say, settingsOf }: SoakWorldPlan): Promise<SoakWorld> {
  const stack = await startEmbeddedStack(say)
  const closers: (() => Promise<unknown>)[] = [() => stack.stop()]
  const close = async () => {
    const failures: unknown[] = []
    // What cannot be ended keeps nothing else running.
    for (const end of closers.splice(0).reverse()) await end().catch((error: unknown) => failures.push(error))
    if (failures.length > 0) throw failures[0]
  }
  try {
    const dir = join(stack.dir, project)
    const [logDir, repoDir, sourceRoot] = ['logs', 'repo', 'sources'].map((name) => join(dir, name)) as [
      string,
      string,
      string,
    ]
    for (const folder of [logDir, repoDir, sourceRoot]) await mkdir(folder, { recursive: true })
    await writeFile(join(repoDir, 'millcourse.json'), `${JSON.stringify({ project })}\n`)
    const proxy = await startFaultProxy(stack.environment.MILLCOURSE_DYNAMODB_ENDPOINT!)
    closers.push(() => proxy.stop())
    const receiver = await startIncidentReceiver()
    closers.push(() => receiver.close())
    const environment: Record<string, string> = {
      ...stack.environment,
      ...shortTimes(paceOf(everyMs)),
      // Two cores are shared by fifty views: who is slow is not dead.
      MILLCOURSE_HEARTBEAT: '8s',
      MILLCOURSE_LEASE: '8s',
      MILLCOURSE_PROJECT: project,
      MILLCOURSE_LAKE: join(dir, 'lake'),
      MILLCOURSE_SOURCES: sourceRoot,
      MILLCOURSE_SPILL_DIR: join(dir, 'spill'),
      MILLCOURSE_WATCH_STATE_DIR: join(dir, 'watcher'),
      MILLCOURSE_SERVER_STATE_DIR: join(dir, 'server'),
      MILLCOURSE_DEFINITIONS_REFRESH: '2s',
      MILLCOURSE_DRAIN_DELAY: '0s',
      MILLCOURSE_LOG_LEVEL: 'info',
      MILLCOURSE_ACTOR: 'soak',
      MILLCOURSE_ALERT_ROUTES: `channels: { oncall: { type: webhook, url: "${receiver.url}", secret: { env: ${secretVariable} } } }\ndefault: [oncall]\n`,
      [secretVariable]: receiver.secret,
    }
    const ports = openStackPorts(() => readConfig(environment))
    closers.push(() => ports.close())
    const shape = { everyMs, sources, sinceMs: Math.floor(Date.now() / everyMs) * everyMs }
    const repo = soakRepo(project, shape)
    const source = createSoakSource({ engine: stack.engine, root: sourceRoot, seed, shape })
    await source.start()
    closers.push(() => source.stop())
    await ports.migrate()
    await (await ports.registry()).apply(repo, { by: 'soak' })
    const throughProxy = { ...environment, MILLCOURSE_DYNAMODB_ENDPOINT: proxy.endpoint }
    const children = await createSoakChildren({
      ...{ environment: throughProxy, logDir, settingsOf: (name) => settingsOf(name, logDir) },
    })
    closers.push(() => children.stopAll())
    for (const name of soakProcesses) await children.start(name)
    await (await ports.runControl()).syncSchedules(repo.views, { isPaused: false })
    const command: SoakWorld['command'] = async (...words) => {
      const args = [builtProgram('cli/main.js'), ...words, '--json', '--repo', repoDir]
      const options = { env: environment, maxBuffer: 64 * 2 ** 20 }
      return JSON.parse((await promisify(execFile)(process.execPath, args, options)).stdout) as Record<string, unknown>
    }
    return { stack, dir, logDir, sourceRoot, repo, shape, ports, children, proxy, receiver, source, command, close }
  } catch (error) {
    await close()
    throw error
  }
}
