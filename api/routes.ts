/** The API's paths, and its OpenAPI document from the schemas that check requests. */
import type { OpenAPIHono, RouteConfig } from '@hono/zod-openapi'
import { z } from '@hono/zod-openapi'
import { problemMediaType } from './problem.js'
import { catalogAnswer, problem, vectorAnswer, vectorRequest } from './schema.js'

export const routes = { catalog: '/v1/online', vector: '/v1/online/:name', openapi: '/openapi.json' } as const

/** What each path is asked with; HEAD is a GET without its body. */
export const routeMethods: Readonly<Record<string, readonly string[]>> = {
  [routes.catalog]: ['GET', 'HEAD'],
  [routes.vector]: ['GET', 'HEAD', 'POST'],
  [routes.openapi]: ['GET', 'HEAD'],
}

const said = (description: string) => ({ description, content: { [problemMediaType]: { schema: problem } } })
const problems = {
  400: said('SERVE_REQUEST_INVALID: the body is not JSON, or not of this shape'),
  401: said('SERVE_UNAUTHORIZED: no bearer token, or not a known one'),
  404: said('REGISTRY_UNKNOWN_VIEW, REGISTRY_UNKNOWN_FEATURE: the hint says what there is'),
  413: said('SERVE_REQUEST_TOO_LARGE: too many keys or bytes'),
  422: said('SERVE_KEY_INVALID: a key is absent, unknown or of another type; nothing of the request is answered'),
  503: said(
    'SERVE_OVERLOADED, SERVE_NOT_READY, PUBLISH_UNREACHABLE, PUBLISH_THROTTLED: try again after `retry-after` seconds',
  ),
  504: said('SERVE_TIMED_OUT: the online store did not answer in time'),
}
const answered = (description: string, schema: z.ZodType) => ({
  description,
  content: { 'application/json': { schema } },
})
const name = z
  .string()
  .openapi({ description: 'A view or a service; `name@v1` for a version that is not the applied one.' })
const security = [{ bearer: [] }]

const documented: readonly RouteConfig[] = [
  {
    method: 'get',
    path: routes.catalog,
    summary: 'What can be read: views and services, their keys and features',
    security,
    responses: { 200: answered('All that was ever applied', catalogAnswer), 401: problems[401], 503: problems[503] },
  },
  {
    method: 'post',
    path: '/v1/online/{name}',
    summary: 'Vectors of many entities',
    description: 'Answered whole or refused whole. At most 100 keys, where the server does not say otherwise.',
    security,
    request: {
      params: z.object({ name }),
      body: { required: true, content: { 'application/json': { schema: vectorRequest } } },
    },
    responses: { 200: answered('One vector per key', vectorAnswer), ...problems },
  },
  {
    method: 'get',
    path: '/v1/online/{name}',
    summary: 'The vector of one entity',
    description: 'Each key of the view or service is a query parameter of its own: `?origin=ATL&destination=ORD`.',
    security,
    request: { params: z.object({ name }) },
    parameters: [
      {
        name: 'keys',
        in: 'query',
        description: 'The keys, as text',
        style: 'form',
        explode: true,
        schema: { type: 'object', additionalProperties: { type: 'string' } },
      },
    ],
    responses: { 200: answered('One vector', vectorAnswer), ...problems },
  },
]

export function describeApi(app: OpenAPIHono, version: string): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer' })
  for (const route of documented) app.openAPIRegistry.registerPath(route)
  const info = {
    title: 'Millcourse serving',
    version,
    description: 'Online feature values, by view or service. Values keep their type: see `Value`.',
  }
  app.get(routes.openapi, (context) => context.json(app.getOpenAPI31Document({ openapi: '3.1.0', info })))
}
