/** What `millcourse server` is made of: the serving API over the online store, with definitions that are asked for in the background. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { DynamoDbOnlineStore } from '../adapters/dynamodb/dynamodb-online-store.js'
import type { ProcessTelemetry } from '../adapters/telemetry/process-telemetry.js'
import { createServingApp, noRoute } from '../api/index.js'
import { isMillcourseError } from '../core/errors.js'
import type { Clock } from '../core/ports/clock.js'
import type { OnlineStore } from '../core/ports/online-store.js'
import { servedTable } from '../core/serve/index.js'
import type { Config } from './config.js'
import { measureReadiness, newReadiness } from './process-health.js'
import { startProcessHttp } from './process-http.js'
import { keepServedDefinitions, type ServedDefinitions } from './served-definitions.js'
import { packageVersion } from './stack-package.js'
import { localCredentials, type StackPorts } from './stack-ports.js'

export interface ServerParts {
  readonly config: Config
  readonly ports: Pick<StackPorts, 'registry'>
  readonly clock: Clock
  readonly log: Logger
  readonly telemetry: ProcessTelemetry
  readonly signal: AbortSignal
  /** Called once, when it takes requests; it may still wait for its definitions. */
  readonly onListening: () => void
}

const defaultPort = 8080

/** Serves until `signal`, then drains: not ready, answering until load balancers have noticed, then what is under way. */
export async function runServer(parts: ServerParts): Promise<void> {
  const { config, clock, log, telemetry, signal } = parts
  const { server: settings, http: address, project } = config
  const online = openOnline(config, telemetry)
  const stopLooking = new AbortController()
  const definitions = await keepServedDefinitions({
    project,
    registry: await parts.ports.registry(),
    stateDir: settings.stateDir,
    refreshMs: settings.refreshMs,
    clock,
    log,
    signal: stopLooking.signal,
  })
  try {
    const readiness = readinessOf(project, definitions, online)
    measureReadiness('server', telemetry, readiness)
    const http = await startProcessHttp({
      process: 'server',
      host: address.host,
      port: address.port ?? defaultPort,
      log,
      readiness,
      metrics: () => telemetry.scrape(),
      noRoute,
      app: createServingApp({
        definitions: definitions.current,
        store: online,
        clock,
        log,
        tokens: settings.tokens,
        limits: settings,
        version: packageVersion(),
      }),
      onAnswer: ({ method, route, status, durationMs }) => {
        const labels = { route: route ?? 'none', method }
        telemetry.count('millcourse_http_requests_total', { ...labels, status: String(status) })
        telemetry.observe('millcourse_http_request_duration_seconds', labels, durationMs / 1_000)
      },
    })
    if (settings.tokens.length === 0 && !isLoopback(address.host))
      log.warn({ host: address.host }, 'everybody who reaches this address may read: no MILLCOURSE_API_TOKENS are set')
    parts.onListening()
    await aborted(signal)
    log.info(
      { drainDelayMs: settings.drainDelayMs },
      'server is stopping: it is not ready, and finishes what is under way',
    )
    http.drain()
    await sleep(settings.drainDelayMs)
    await http.close(config.worker.shutdownGraceMs)
    log.info({}, 'server has finished what was under way')
  } finally {
    stopLooking.abort()
    await online.close()
  }
}

/** Nobody waits for a read longer than its time limit: the adapter must not, either. */
function openOnline(config: Config, telemetry: ProcessTelemetry): OnlineStore {
  const { endpoint, region } = config.online
  const { timeoutMs } = config.server
  return new DynamoDbOnlineStore({
    endpoint,
    region,
    credentials: localCredentials(endpoint),
    patienceMs: timeoutMs,
    requestTimeoutMs: timeoutMs,
    concurrency: 2 * config.server.requestsMax,
    telemetry,
  })
}

/** Postgres is none of its parts: while it is away the server serves on. */
function readinessOf(project: string, definitions: ServedDefinitions, online: OnlineStore) {
  return newReadiness([
    {
      part: 'definitions',
      ask: async () => {
        const { isOk, why } = definitions.state()
        if (isOk) return why
        throw new Error(why ?? 'not loaded')
      },
    },
    {
      part: 'DynamoDB',
      ask: async () => {
        const current = definitions.current()
        const view = current?.views.find((one) => one.isApplied)?.definition.view
        try {
          // A read as it serves them, with the rights it has: any table does, also one that is not there.
          await online.getEnd(current && view ? servedTable(current, view) : `millcourse.${project}.none.v0`)
        } catch (error) {
          if (!isMillcourseError(error) || error.code !== 'PUBLISH_TABLE_MISSING') throw error
        }
        return null
      },
    },
  ])
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host)
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
