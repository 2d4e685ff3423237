/** What the probes of a worker and of a watcher ask, and the HTTP side that answers them where a port is configured. */
import type { Logger } from 'pino'
import type { ProcessTelemetry } from '../adapters/telemetry/process-telemetry.js'
import type { MillcourseError } from '../core/errors.js'
import type { Clock } from '../core/ports/clock.js'
import { formatInstant, type IsoInstant } from '../core/time/instant.js'
import type { Config } from './config.js'
import type { RunningWorker } from './materialization-worker.js'
import { measureReadiness, newReadiness, type PartQuestion } from './process-health.js'
import { type Liveness, type ProcessHttp, startProcessHttp } from './process-http.js'
import type { StackPorts } from './stack-ports.js'

export interface ProbedProcess {
  readonly config: Pick<Config, 'http'>
  readonly log: Logger
  readonly telemetry: Pick<ProcessTelemetry, 'scrape' | 'beforeScrape' | 'show'>
  readonly signal: AbortSignal
}

/** Null: no port is configured, nobody asks. */
export async function openProbes(
  name: 'worker' | 'watcher',
  { config, log, telemetry, signal }: ProbedProcess,
  questions: readonly PartQuestion[],
  liveness: () => Liveness,
): Promise<ProcessHttp | null> {
  const { host, port } = config.http
  if (port === null) return null
  const readiness = newReadiness(questions)
  measureReadiness(name, telemetry, readiness)
  const http = await startProcessHttp({
    ...{ process: name, host, port, log, liveness },
    readiness,
    metrics: () => telemetry.scrape(),
  })
  // It answers until the process has finished what is under way: a probe is told that it stops, not that it is gone.
  signal.addEventListener('abort', () => http.drain())
  if (signal.aborted) http.drain()
  return http
}

export interface WorkerProbes {
  readonly questions: readonly PartQuestion[]
  liveness(): Liveness
  /** Why it takes no work yet. */
  onAway(why: MillcourseError): void
  /** From now on it takes work. */
  onRunning(worker: RunningWorker): void
}

export function workerProbes(ports: Pick<StackPorts, 'ledger' | 'lake'>): WorkerProbes {
  let running: RunningWorker | null = null
  let away = new Error('the worker takes no work yet')
  const questions: PartQuestion[] = [
    {
      part: 'Temporal',
      ask: async () => {
        if (running === null) throw away
        const state = running.state()
        if (state !== 'RUNNING') throw new Error(`the worker is ${state}`)
        await running.askServer()
        return null
      },
    },
    {
      part: 'Postgres',
      ask: async () => {
        await (await ports.ledger()).openIncidents()
        return null
      },
    },
    {
      part: 'lake',
      ask: async () => {
        // Whether it is there does not matter: what is asked is whether the store answers and lets us in.
        await (await ports.lake()).head('ready')
        return null
      },
    },
  ]
  return {
    questions,
    liveness: () => ({ isAlive: running?.state() !== 'FAILED', progress: running?.state() ?? 'waits for its servers' }),
    onAway(why) {
      away = why
    },
    onRunning(worker) {
      running = worker
    },
  }
}

export interface WatcherProbes {
  readonly questions: readonly PartQuestion[]
  liveness(): Liveness
  /** After each look; null: it went well. `why`: what it has to remember is not on disk. */
  onLook(error: unknown, why: Error | null): void
}

/** A look may take its time while ledger and scheduler do not answer: only many missed ones are a standstill. */
const looksMissedMax = 10
const standstillMinMs = 300_000

export function watcherProbes(clock: Clock, pollMs: number): WatcherProbes {
  const standstillMs = Math.max(looksMissedMax * pollMs, standstillMinMs)
  let lookedMs = clock.monotonicMs()
  let lookedAt: IsoInstant | null = null
  let failure: string | null = 'it has not looked yet'
  let unkept: Error | null = null
  return {
    questions: [
      {
        part: 'last look',
        ask: async () => {
          if (failure !== null) throw new Error(failure)
          return lookedAt
        },
      },
      {
        part: 'state folder',
        ask: async () => {
          if (unkept !== null) throw unkept
          return null
        },
      },
    ],
    liveness: () => ({
      isAlive: clock.monotonicMs() - lookedMs < standstillMs,
      progress: lookedAt === null ? null : `looked at ${lookedAt}`,
    }),
    onLook(error, why) {
      unkept = why
      lookedMs = clock.monotonicMs()
      lookedAt = formatInstant(clock.realNow())
      failure = error === null ? null : error instanceof Error ? error.message : String(error)
    },
  }
}
