/** The serving API: vectors of online values over HTTP. It knows neither Temporal nor Postgres: definitions and the online store are given. */
import { randomUUID } from 'node:crypto'
import { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { MillcourseError } from '../core/errors.js'
import type { Clock } from '../core/ports/clock.js'
import {
  type GivenKey,
  newItemsAtEndReader,
  planVector,
  readVectors,
  type ServingDefinitions,
  type VectorStore,
} from '../core/serve/index.js'
import { catalogOf } from './catalog.js'
import { newTokenCheck } from './check-token.js'
import { describeVectors } from './describe-vectors.js'
import { newLoadLimit } from './load-limit.js'
import { problemResponse, toProblem } from './problem.js'
import { readJsonBody } from './read-json-body.js'
import { describeApi, routeMethods, routes } from './routes.js'
import { vectorRequest } from './schema.js'

export interface ServingOptions {
  /** Null: not loaded yet. */
  readonly definitions: () => ServingDefinitions | null
  readonly store: VectorStore
  readonly clock: Clock
  readonly log: { error(facts: object, message: string): void }
  /** Empty: everybody may read. */
  readonly tokens: readonly string[]
  readonly limits: ServingLimits
  /** Of the product, for the OpenAPI document. */
  readonly version: string
}

export interface ServingLimits {
  readonly bodyBytesMax: number
  readonly keysMax: number
  /** Reads at once. */
  readonly requestsMax: number
  readonly timeoutMs: number
}

export function createServingApp(options: ServingOptions): OpenAPIHono {
  const { limits, log } = options
  const app = new OpenAPIHono()
  const checkToken = newTokenCheck(options.tokens)
  const load = newLoadLimit(limits)
  const readItems = newItemsAtEndReader(options.store)
  const definitions = (): ServingDefinitions => {
    const loaded = options.definitions()
    if (loaded) return loaded
    throw new MillcourseError('SERVE_NOT_READY', 'the definitions are not loaded yet', {
      hint: 'the server waits for Postgres or a snapshot: /readyz says why',
    })
  }

  app.use(async (context, next) => {
    context.header('x-request-id', requestIdOf(context))
    await next()
  })
  app.onError((error, context) => {
    const requestId = requestIdOf(context)
    const problem = toProblem(error, requestId)
    if (problem.status >= 500) log.error({ err: error, code: problem.code, requestId }, problem.detail)
    context.header('x-request-id', requestId)
    return problemResponse(context, problem)
  })
  app.use('/v1/*', async (context, next) => {
    checkToken(context.req.header('authorization'))
    await next()
  })

  const answer = async (context: Context, keys: readonly GivenKey[], wanted?: readonly string[]) => {
    const plan = planVector(definitions(), context.req.param('name') ?? '', wanted)
    const now = options.clock.now()
    const read = await load.run(() => readVectors(readItems, plan, keys, now))
    return context.json(describeVectors(plan, keys, read, now))
  }

  app.get(routes.catalog, (context) => context.json(catalogOf(definitions())))
  app.get(routes.vector, (context) => answer(context, [keyFromQuery(context)]))
  app.post(routes.vector, async (context) => {
    const { keys, features } = checkRequest(await readJsonBody(context, limits.bodyBytesMax), limits.keysMax)
    return await answer(context, keys, features)
  })
  describeApi(app, options.version)
  // After the methods that there are: these get what is left.
  for (const [path, methods] of Object.entries(routeMethods)) app.all(path, (context) => noMethod(context, methods))
  return app
}

/** The caller's own, where it is one; it stands in logs and answers, so nothing else is taken over. */
function requestIdOf(context: Context): string {
  const known = context.res.headers.get('x-request-id')
  if (known !== null) return known
  const given = context.req.header('x-request-id') ?? ''
  return /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID()
}

/** `?origin=ATL&destination=ORD`: text, read as the key's type. */
function keyFromQuery(context: Context): GivenKey {
  const parts = [...new URL(context.req.url).searchParams]
  const names = parts.map(([name]) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined)
    throw new MillcourseError('SERVE_REQUEST_INVALID', `key "${twice}" is given twice`, {
      hint: 'one value each; several entities: POST {"keys": [...]}',
      facts: { key: twice },
    })
  return Object.fromEntries(parts)
}

function checkRequest(body: unknown, keysMax: number) {
  const parsed = vectorRequest.safeParse(body)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    const at = issue?.path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`)).join('') ?? ''
    throw new MillcourseError('SERVE_REQUEST_INVALID', `the body${at}: ${issue?.message ?? 'is not as it has to be'}`, {
      hint: 'such as {"keys": [{"origin": "ATL"}]}; /openapi.json has the schema',
      facts: at === '' ? {} : { at },
    })
  }
  const { features } = parsed.data
  // As they were sent: the parsed ones lack a key called `__proto__`, which has to be refused like any that is not known.
  const { keys } = body as typeof parsed.data
  if (keys.length > keysMax)
    throw new MillcourseError(
      'SERVE_REQUEST_TOO_LARGE',
      `${keys.length} keys are asked for, at most ${keysMax} are answered`,
      {
        hint: 'ask in parts, or raise MILLCOURSE_API_KEYS_MAX',
        facts: { keys: keys.length, keysMax },
      },
    )
  return { keys, features }
}

function noMethod(context: Context, methods: readonly string[]): Response {
  const { method, path } = context.req
  const allowed = methods.join(', ')
  const error = new MillcourseError('SERVE_METHOD_NOT_ALLOWED', `there is no ${method} ${path}`, {
    hint: `it is asked with ${allowed}`,
    facts: { method },
  })
  context.header('allow', allowed)
  return problemResponse(context, toProblem(error, requestIdOf(context)))
}

/** What no route answers, for the root of the process. */
export function noRoute(context: Context): Response {
  const error = new MillcourseError('SERVE_ROUTE_UNKNOWN', `there is no ${context.req.method} ${context.req.path}`, {
    hint: `there are GET ${routes.catalog}, GET and POST ${routes.vector}, GET ${routes.openapi}`,
  })
  return problemResponse(context, toProblem(error, requestIdOf(context)))
}
