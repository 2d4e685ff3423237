/** Keeps one part of the local stack running: starts it, reports its death, starts it again with growing pauses, stops it. */
import { MillcourseError } from '../core/errors.js'
import type { PartName } from './stack-file.js'

/** What happens to the stack, for a person or a log. */
export interface StackEvent {
  readonly kind: 'starting' | 'note' | 'ready' | 'died' | 'stopped'
  readonly part: PartName
  readonly text: string
}

export interface RunningPart {
  readonly pid: number
  /** Settles when it has ended, for whatever reason. */
  readonly ended: Promise<void>
  stop(): Promise<void>
}

export interface PartPlan<Part extends RunningPart> {
  readonly name: PartName
  /** Starts it, at the same address each time, and waits until it can be used. */
  start(): Promise<Part>
  /** For people: where it is. */
  where(part: Part): string
}

export interface KeepOptions {
  readonly tell: (event: StackEvent) => void
  /** It runs again, as another process. */
  readonly onRestarted: () => void
  /** Too many deaths in a row: the stack has to stop. */
  readonly onGivenUp: (error: MillcourseError) => void
}

export interface KeptPart<Part extends RunningPart = RunningPart> {
  readonly name: PartName
  readonly running: Part
  /** Stops it and keeps it stopped. May be repeated. */
  stop(): Promise<void>
}

const firstPauseMs = 500
const longestPauseMs = 15_000
/** A part that lived so long has started well: its deaths are counted anew. */
const healthyAfterMs = 60_000
const deathsMax = 5

export async function keepRunning<Part extends RunningPart>(
  plan: PartPlan<Part>,
  options: KeepOptions,
): Promise<KeptPart<Part>> {
  const tell = (kind: StackEvent['kind'], text: string) => options.tell({ kind, part: plan.name, text })
  const stopping = new AbortController()
  tell('starting', `starting ${plan.name} …`)
  let running = await plan.start()
  tell('ready', `${plan.name}: ${plan.where(running)}`)
  const keeping = keep()
  return {
    name: plan.name,
    get running() {
      return running
    },
    async stop() {
      if (stopping.signal.aborted) return keeping
      stopping.abort()
      await running.stop()
      await keeping
      tell('stopped', `${plan.name}: stopped`)
    },
  }

  async function keep(): Promise<void> {
    let deaths = 0
    let startedAt = performance.now()
    for (;;) {
      await running.ended
      if (stopping.signal.aborted) return
      deaths = performance.now() - startedAt > healthyAfterMs ? 1 : deaths + 1
      tell('died', `${plan.name}: process ${running.pid} died (logs: .millcourse/logs)`)
      // What it left below itself goes too: a server whose guard was killed still holds its port and its files.
      await running.stop()
      if (deaths >= deathsMax) return options.onGivenUp(gaveUp(plan.name, deaths))
      await pause(Math.min(firstPauseMs * 2 ** (deaths - 1), longestPauseMs), stopping.signal)
      if (stopping.signal.aborted) return
      startedAt = performance.now()
      await restart()
    }
  }

  async function restart(): Promise<void> {
    try {
      running = await plan.start()
    } catch (error) {
      // The dead process stays the current one, so that the loop counts another death and pauses longer.
      return tell('note', `${plan.name}: ${(error as Error).message}`)
    }
    // `stop` came while it started and has stopped only its predecessor.
    if (stopping.signal.aborted) return running.stop()
    tell('ready', `${plan.name}: again ${plan.where(running)}`)
    options.onRestarted()
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

function gaveUp(name: PartName, deaths: number): MillcourseError {
  return new MillcourseError('STACK_START_FAILED', `${name} died ${deaths} times in a row; the stack stops`, {
    hint: 'read the logs in .millcourse/logs, then start again: millcourse dev',
    facts: { part: name, deaths },
  })
}
