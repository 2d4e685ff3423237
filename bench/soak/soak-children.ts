/** The product's processes under a soak: started from the built program, killed and started again as the plan says, their memory sampled. */
import { join } from 'node:path'
import getPort from 'get-port'
import { startDevChild } from '../../workers/dev-child.js'
import type { RunningPart } from '../../workers/dev-parts.js'
import { memoryOf } from '../process-figures.js'
import type { ProcessLife } from './memory-lives.js'
import type { SoakProcess } from './soak-plan.js'

const sampleEveryMs = 1_000
const stopTimeoutMs = 20_000
/** As whoever looks after processes does: what does not come up is started again. */
const startAgainAfterMs = 1_000
const startsMax = 20

export interface SoakChildren {
  readonly serverUrl: string
  readonly lives: readonly ProcessLife[]
  /** Those that ended though nobody killed them, in words. */
  readonly deaths: readonly string[]
  /** Those that did not come up at once, and were started again. */
  readonly startsFailed: () => number
  /** @throws MillcourseError STACK_START_FAILED where it does not come up at all */
  start(name: SoakProcess): Promise<void>
  /** False: it does not run just now. */
  kill(name: SoakProcess): Promise<boolean>
  stop(name: SoakProcess): Promise<void>
  stopAll(): Promise<void>
}

export interface SoakChildrenParts {
  readonly environment: Readonly<Record<string, string>>
  readonly logDir: string
  /** Of one process, beside the environment of all. */
  readonly settingsOf: (name: SoakProcess) => Readonly<Record<string, string>>
}

export async function createSoakChildren({
  environment,
  logDir,
  settingsOf,
}: SoakChildrenParts): Promise<SoakChildren> {
  const running = new Map<SoakProcess, { readonly part: RunningPart; readonly life: ProcessLife }>()
  const lives: ProcessLife[] = []
  const deaths: string[] = []
  // It keeps its address from one start to the next.
  const serverPort = await getPort({ host: '127.0.0.1' })
  const sampling = setInterval(() => {
    for (const { part, life } of running.values()) {
      try {
        life.samples.push({ atMs: Date.now(), rssBytes: memoryOf(part.pid).rssBytes })
      } catch {
        // It is ending: who waits for its end says so.
      }
    }
  }, sampleEveryMs)
  let startsFailed = 0
  const start = (name: SoakProcess) =>
    startDevChild({
      command: name === 'watcher' || name === 'server' ? name : 'worker',
      args: [],
      environment: {
        ...environment,
        ...(name === 'server' ? { MILLCOURSE_HTTP_PORT: String(serverPort) } : {}),
        ...settingsOf(name),
      },
      logFile: join(logDir, `${name}.log`),
      stopTimeoutMs,
    })
  async function startAgainAndAgain(name: SoakProcess): Promise<RunningPart> {
    for (let nth = 1; ; nth++)
      try {
        return await start(name)
      } catch (error) {
        if (nth === startsMax) throw error
        startsFailed += 1
        await new Promise((resolve) => setTimeout(resolve, startAgainAfterMs))
      }
  }
  const self: SoakChildren = {
    serverUrl: `http://127.0.0.1:${serverPort}`,
    lives,
    deaths,
    startsFailed: () => startsFailed,
    async start(name) {
      const startedMs = Date.now()
      const part = await startAgainAndAgain(name)
      const life: ProcessLife = { name, pid: part.pid, startedMs, samples: [] }
      lives.push(life)
      running.set(name, { part, life })
      void part.ended.then(() => {
        if (running.get(name)?.part !== part) return
        running.delete(name)
        deaths.push(
          `${name}, process ${part.pid}, ended by itself after ${Math.round((Date.now() - startedMs) / 1_000)} s`,
        )
        // A broken promise, and no reason to judge nothing else.
        self.start(name).catch((error: Error) => deaths.push(error.message))
      })
    },
    async kill(name) {
      const found = running.get(name)
      if (!found) return false
      running.delete(name)
      process.kill(found.part.pid, 'SIGKILL')
      await found.part.ended
      return true
    },
    async stop(name) {
      const found = running.get(name)
      running.delete(name)
      await found?.part.stop()
    },
    async stopAll() {
      clearInterval(sampling)
      await Promise.all([...running.keys()].map((name) => self.stop(name)))
    },
  }
  return self
}
