/** Makes a drill's world: a feature repo that is applied, files that arrive, a worker and a watcher at work, somebody on call. */
import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { readFeatureRepo } from '../../adapters/feature-repo/feature-repo-loader.js'
import { readConfig } from '../../workers/config.js'
import { startDevChild } from '../../workers/dev-child.js'
import type { RunningPart } from '../../workers/dev-parts.js'
import { builtProgram } from '../../workers/stack-package.js'
import { openStackPorts } from '../../workers/stack-ports.js'
import type { Alarm } from '../alarm.js'
import { startIncidentReceiver } from '../receiver/incident-receiver.js'
import type { BreakablePart, DrillStack, PartName } from '../stack/drill-stack.js'
import type { DrillWorld, ProcessName } from './drill-world.js'
import type { Pace } from './pace.js'
import { createProducer } from './producer.js'
import { removeTraces } from './remove-traces.js'
import { shortTimes } from './short-times.js'
import { mountSmallDisk } from './small-disk.js'
import type { WorldOptions } from './world-options.js'
import { secretVariable, writeRoutes, writeWorldRepo } from './world-repo.js'

export interface WorldPlan {
  /** Of this world alone. */
  readonly project: string
  readonly options: WorldOptions
  readonly pace: Pace
  /** A canary's: told to nobody. */
  readonly cut: Alarm | null
  readonly signal: AbortSignal
  note(text: string): void
}

export async function openWorld(stack: DrillStack, plan: WorldPlan): Promise<DrillWorld> {
  const { project, options, pace } = plan
  const { everyMs } = pace
  const dir = join(stack.dir, project)
  const repoDir = join(dir, 'repo')
  await mkdir(join(dir, 'logs'), { recursive: true })
  const closers: (() => Promise<unknown>)[] = []
  const close = async () => {
    const faults: unknown[] = []
    for (const end of closers.splice(0).reverse()) await end().catch((error: unknown) => faults.push(error))
    if (faults.length > 0) throw faults[0]
  }
  try {
    const receiver = await startIncidentReceiver()
    closers.push(() => receiver.close())
    receiver.armDeadManSwitch(pace.silenceMs)
    const isInS3 = stack.root.startsWith('s3://')
    const filesDir = join(dir, isInS3 ? 'spill' : 'lake')
    if (options.diskBytes) closers.push(await mountSmallDisk(filesDir, options.diskBytes))
    const parts = new Map<PartName, BreakablePart>()
    for (const name of options.breaks ?? []) {
      const part = await stack.breakable(name, join(dir, name))
      closers.push(() => part.stop())
      parts.set(name, part)
    }
    const root = isInS3 ? `${stack.root}/${project}` : dir
    const environment: Record<string, string> = {
      ...stack.environment,
      ...shortTimes(pace),
      MILLCOURSE_PROJECT: project,
      MILLCOURSE_LAKE: `${root}/lake`,
      MILLCOURSE_SOURCES: `${root}/sources`,
      ...Object.assign({}, ...[...parts.values()].map((part) => part.environment)),
      MILLCOURSE_SPILL_DIR: join(dir, 'spill'),
      MILLCOURSE_WATCH_STATE_DIR: join(dir, 'watcher'),
      MILLCOURSE_ACTOR: 'drill',
      [secretVariable]: receiver.secret,
      ...options.settings,
    }
    const config = readConfig(environment)
    const ports = openStackPorts(() => config)
    closers.push(() => ports.close())
    closers.push(async () => {
      await Promise.allSettled([...parts.values()].map((part) => part.mend()))
      await removeTraces({ stack, config, ports, root })
    })
    const sinceMs = Math.floor(Date.now() / everyMs) * everyMs - everyMs
    const since = new Date(sinceMs).toISOString()
    let cut = plan.cut
    const plannedRepo = () => ({
      ...{ dir: repoDir, project, since, pace, options, cut },
      receiverUrl: receiver.url,
      colleagueUrl: options.hasColleague ? receiver.colleague.url : null,
    })
    await writeWorldRepo(plannedRepo())
    const producer = createProducer({
      ...{ engine: stack.engine, sources: await ports.sources(), scratch: join(dir, 'scratch'), sinceMs, everyMs },
      hasMarkers: JSON.stringify(options.source ?? {}).includes('_SUCCESS'),
    })
    closers.push(() => producer.stop())
    await producer.start()
    await ports.migrate()
    const { repo, problems } = await readFeatureRepo(repoDir)
    if (problems.length > 0) throw problems[0]!
    await (await ports.registry()).apply(repo, { by: 'drill' })
    await (await ports.runControl()).syncSchedules(repo.views, { isPaused: false })

    const processes = new Map<ProcessName, RunningPart>()
    // A canary of the dead-man switch: nobody outside is told that the watcher lives.
    const heartbeat = (name: ProcessName) =>
      name === 'watcher' && cut !== 'dead_man_switch' ? { MILLCOURSE_HEARTBEAT_URL: receiver.heartbeatUrl } : {}
    let watcherStartedMs = 0
    const world: DrillWorld = {
      ...{ stack, project, dir, repoDir, filesDir, environment, sinceMs, ports, producer, receiver },
      ...{ signal: plan.signal, pace },
      views: repo.views.map(({ name }) => name),
      note: plan.note,
      async cut(alarm) {
        cut = alarm
        await world.stopProcess('watcher')
        // The definitions stay as the drill's operators have left them.
        await writeRoutes(plannedRepo())
        await world.startProcess('watcher')
      },
      isWatched: () => cut === 'dead_man_switch' || (receiver.lastBeatMs() ?? 0) > watcherStartedMs,
      part(name) {
        const part = parts.get(name)
        if (!part) throw new Error(`this drill does not break ${name}: name it in world.breaks`)
        return part
      },
      async startProcess(name, settings = {}) {
        if (name === 'watcher') watcherStartedMs = Date.now()
        const child = await startDevChild({
          command: name,
          args: ['--repo', repoDir],
          environment: { ...environment, ...heartbeat(name), ...settings },
          logFile: join(dir, 'logs', `${name}.log`),
          stopTimeoutMs: 20_000,
        })
        processes.set(name, child)
        plan.note(`${name} works as process ${child.pid}`)
      },
      process: (name) => processes.get(name) ?? null,
      async killProcess(name) {
        const child = processes.get(name)
        if (!child) return
        processes.delete(name)
        process.kill(child.pid, 'SIGKILL')
        await child.ended
        plan.note(`${name} was killed: SIGKILL to process ${child.pid}`)
      },
      async stopProcess(name) {
        const child = processes.get(name)
        processes.delete(name)
        await child?.stop()
      },
      command: (...words) => runCommand(words, repoDir, environment),
      comingStartMs() {
        const startMs = Math.floor(Date.now() / everyMs) * everyMs
        const isOverSoon = startMs + everyMs - Date.now() < 0.4 * everyMs
        return isOverSoon ? startMs + everyMs : startMs
      },
      close,
    }
    closers.push(() => Promise.all([...processes.keys()].map((name) => world.stopProcess(name))))
    await Promise.all([world.startProcess('worker'), world.startProcess('watcher')])
    return world
  } catch (error) {
    await close().catch(({ message }: Error) => plan.note(message))
    throw error
  }
}

async function runCommand(
  words: readonly string[],
  repoDir: string,
  environment: Readonly<Record<string, string>>,
): Promise<Record<string, unknown>> {
  const args = [builtProgram('cli/main.js'), ...words, '--json', '--repo', repoDir]
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: environment, maxBuffer: 64 * 1_048_576 })
  return JSON.parse(stdout) as Record<string, unknown>
}
