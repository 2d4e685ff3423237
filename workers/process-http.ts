/**
 * The HTTP side of a process: is it alive, is it ready, what does it measure, and the routes of an app where it has one. It opens
 * before the process has reached its servers, so that a probe is told what is being waited for.
 *
 *     /healthz   200: the event loop turns and work goes on; 503: it stands still, start it again
 *     /readyz    200: every part it needs answers; 503: which one does not, and why
 *     /metrics   text for Prometheus, where the process measures something
 */
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { type Context, type Env, Hono } from 'hono'
import { matchedRoutes } from 'hono/route'
import type { Log } from '../activities/activity-deps.js'
import { MillcourseError } from '../core/errors.js'

/** One part that the process needs, by the name that `doctor` uses. `why` may also explain a part that is well. */
export interface PartState {
  readonly part: string
  readonly isOk: boolean
  readonly why: string | null
}

export interface Readiness {
  readonly isReady: boolean
  readonly parts: readonly PartState[]
}

export interface Liveness {
  readonly isAlive: boolean
  /** What it did last, and when; null: nothing yet. */
  readonly progress: string | null
}

export interface HttpAnswer {
  readonly method: string
  /** The route's pattern, never the path asked for, which may hold keys: `/v1/online/:name`. Null: no route. */
  readonly route: string | null
  readonly status: number
  readonly durationMs: number
}

export interface ProcessHttpOptions {
  /** `worker`, `watcher`, `server`: said in the answers. */
  readonly process: string
  readonly host: string
  /** 0: a free one. */
  readonly port: number
  readonly log: HttpLog
  /** Asked at each probe; keep it cheap or let it remember. */
  readonly readiness: () => Promise<Readiness>
  /** Absent: it is alive as long as it answers. */
  readonly liveness?: () => Liveness
  /** Null: the process measures nothing, `/metrics` is not there. */
  readonly metrics: (() => Promise<string>) | null
  readonly app?: Hono<Env>
  /** What is answered where neither the process nor its app has a route. */
  readonly noRoute?: (context: Context) => Response
  /** Told of each answer, probes left out: for metrics. */
  readonly onAnswer?: (answer: HttpAnswer) => void
}

export type HttpLog = Log & { debug(facts: object, message: string): void }

export interface ProcessHttp {
  readonly port: number
  readonly url: string
  /** Not ready from now on, and each answer asks the client to open no further request on its connection. May be repeated. */
  drain(): void
  /** Takes no more connections, lets the requests under way finish for `graceMs`, then cuts them off. May be repeated. */
  close(graceMs?: number): Promise<void>
}

const closeGraceMs = 10_000
/** A client that sends its request this slowly is cut off. */
const requestTimeoutMs = 15_000
/** Longer than a load balancer keeps an idle connection (60 s is usual): the one that closes first must not be the server. */
const keepAliveMs = 75_000

/** @throws MillcourseError CONFIG_INVALID where the address cannot be listened on */
export async function startProcessHttp(options: ProcessHttpOptions): Promise<ProcessHttp> {
  const state = { isDraining: false }
  const server = createAdaptorServer({
    fetch: rootApp(options, state).fetch,
    serverOptions: {
      keepAliveTimeout: keepAliveMs,
      requestTimeout: requestTimeoutMs,
      headersTimeout: requestTimeoutMs,
    },
  }) as Server
  await listen(server, options)
  const { port } = server.address() as AddressInfo
  const url = `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`
  options.log.info({ url }, `${options.process} listens on ${url}`)
  let closing: Promise<void> | null = null
  return {
    port,
    url,
    drain() {
      state.isDraining = true
    },
    close(graceMs = closeGraceMs) {
      state.isDraining = true
      closing ??= close(server, graceMs)
      return closing
    },
  }
}

function rootApp(options: ProcessHttpOptions, state: { isDraining: boolean }): Hono {
  const root = new Hono()
  root.use(async (context, next) => {
    const startedMs = performance.now()
    await next()
    if (state.isDraining) context.header('connection', 'close')
    // Not the last that matches: an app's middleware for all paths comes after our probes.
    const route = matchedRoutes(context).findLast(({ path }) => !path.endsWith('*'))?.path ?? null
    const answer = {
      method: context.req.method,
      route,
      status: context.res.status,
      durationMs: performance.now() - startedMs,
    }
    if (route !== null && probes.has(route)) return
    options.onAnswer?.(answer)
    options.log.debug(answer, `${answer.method} ${route ?? 'no route'} ${answer.status}`)
  })
  root.get('/healthz', (context) => {
    const { isAlive, progress } = options.liveness?.() ?? { isAlive: true, progress: null }
    return context.json({ process: options.process, alive: isAlive, progress }, isAlive ? 200 : 503)
  })
  root.get('/readyz', async (context) => {
    const { isReady, parts } = await options.readiness()
    const isOpen = isReady && !state.isDraining
    const draining = state.isDraining ? [{ part: options.process, ok: false, why: 'it is stopping' }] : []
    const named = parts.map(({ part, isOk, why }) => ({ part, ok: isOk, why }))
    return context.json({ process: options.process, ready: isOpen, parts: [...draining, ...named] }, isOpen ? 200 : 503)
  })
  const { metrics, app } = options
  if (metrics !== null)
    root.get('/metrics', async (context) =>
      context.text(await metrics(), 200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }),
    )
  // After their GETs: these get every other method.
  for (const probe of probes)
    if (probe !== '/metrics' || metrics !== null)
      root.all(probe, (context) => context.body(null, 405, { allow: 'GET, HEAD' }))
  if (app) root.route('/', app)
  if (options.noRoute) root.notFound(options.noRoute)
  return root
}

const probes: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/metrics'])

function listen(server: Server, { host, port }: ProcessHttpOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(
        new MillcourseError('CONFIG_INVALID', `cannot listen on ${host}:${port} (${cause.code ?? cause.message})`, {
          cause,
          hint: 'choose others with MILLCOURSE_HTTP_HOST and MILLCOURSE_HTTP_PORT; port 0 is a free one',
          facts: { host, port },
        }),
      ),
    )
    server.listen(port, host, resolve)
  })
}

async function close(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  // A connection kept alive by its client becomes idle only after its last answer.
  const sweep = setInterval(() => server.closeIdleConnections(), 100)
  const lastResort = setTimeout(() => server.closeAllConnections(), graceMs)
  await closed
  clearInterval(sweep)
  clearTimeout(lastResort)
}
