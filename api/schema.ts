/** What the serving API takes and answers: one schema checks requests, gives the types and the OpenAPI document. */
import { z } from '@hono/zod-openapi'

const keyPart = z
  .union([z.string(), z.number(), z.bigint(), z.boolean(), z.null()])
  .openapi({ type: ['string', 'integer', 'boolean', 'null'] })

export const vectorRequest = z
  .strictObject({
    keys: z
      .array(z.record(z.string(), keyPart))
      .min(1)
      .openapi({
        description:
          'One object per entity, with every key of the view or of the service. 64-bit integers as JSON numbers or as text, both exact; a null matches nothing.',
        example: [{ origin: 'ATL', destination: 'ORD' }],
      }),
    features: z
      .array(z.string())
      .min(1)
      .optional()
      .openapi({
        description: 'Only these, in this order, as `feature` or `view__feature`; absent: all.',
        example: ['airport_delays__delay_avg_24h'],
      }),
  })
  .openapi('VectorRequest')

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()])

const value = z
  .union([scalar, z.array(scalar), z.record(z.string(), z.union([scalar, z.array(scalar)]))])
  .openapi('Value', {
    description:
      'By the feature’s type. Text: int64, uint64, decimal (all digits), timestamp (ISO 8601 in UTC, up to 9 fractional digits), date, string, binary (base64). Number: int8 to int32, uint8 to uint32, float32, float64; the floats JSON has no number for are the texts NaN, Infinity, -Infinity, -0. A timestamp or date that is none is the text infinity or -infinity. Boolean: boolean. List: list. Map (a window with buckets): object, from the text of the bucket.',
  })

const instant = z.string().openapi({ description: 'ISO 8601, UTC', example: '2001-01-31T13:00:00Z' })
const interval = z.object({ start: instant, end: instant })

export const readStatus = z.enum(['present', 'missing', 'expired', 'held', 'partial']).openapi('Status', {
  description:
    'present: as of its event time. missing: nothing is known of the key; counts are 0, all else null. expired: older than the view’s ttl; as missing. held: of a feature, the last value that was accepted for the key; newer data was held back. partial: intervals that its windows reach are missing, see missingIntervals.',
})

/** Of a view, or of a feature that is not as its view. */
const asRead = { status: readStatus, eventAt: instant.nullable(), ageMs: z.number().int().nullable() }

export const featureColumn = z
  .object({
    name: z
      .string()
      .openapi({ description: '`view__feature`, as in training sets', example: 'airport_delays__delay_avg_24h' }),
    view: z.string(),
    feature: z.string(),
    type: z.string().openapi({ example: 'float64' }),
  })
  .openapi('FeatureColumn')

export const vectorAnswer = z
  .object({
    name: z.string(),
    kind: z.enum(['view', 'service']),
    version: z.number().int(),
    now: instant.openapi({ description: 'The time of the read, from which ages and ttls are counted.' }),
    features: z.array(featureColumn).openapi({ description: 'In the order of the vector.' }),
    views: z.array(
      z.object({
        view: z.string(),
        version: z.number().int(),
        publishedEnd: instant.nullable().openapi({ description: 'Published up to here; null: never.' }),
        missingIntervals: z.array(interval),
      }),
    ),
    vectors: z
      .array(
        z.object({
          key: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
          values: z
            .record(z.string(), value)
            .openapi({ description: 'By the feature’s name, in the order of the vector.' }),
          views: z.record(z.string(), z.object(asRead)),
          features: z
            .record(z.string(), z.object({ ...asRead, missingIntervals: z.array(interval) }))
            .optional()
            .openapi({
              description:
                'By the feature’s name, those that are not as their view, because they were held alone; absent: none.',
            }),
        }),
      )
      .openapi({ description: 'One per key, in the order of the request.' }),
  })
  .openapi('VectorAnswer')

export const catalogAnswer = z
  .object({
    revision: z.number().int().openapi({ description: 'Of the applied definitions; 0: nothing was applied yet.' }),
    entries: z.array(
      z.object({
        name: z.string(),
        kind: z.enum(['view', 'service']),
        version: z.number().int(),
        isApplied: z.boolean().openapi({ description: 'False: retired, still readable as `name@v1`.' }),
        keys: z.array(z.object({ name: z.string(), type: z.string() })),
        features: z.array(featureColumn),
      }),
    ),
  })
  .openapi('Catalog')

export const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    code: z.string().openapi({ description: 'docs/errors.md says what it means.', example: 'SERVE_KEY_INVALID' }),
    detail: z.string(),
    hint: z.string().nullable(),
    facts: z.record(z.string(), z.union([z.string(), z.number()])),
    requestId: z.string(),
  })
  .openapi('Problem')

export type VectorAnswer = z.infer<typeof vectorAnswer>
export type CatalogAnswer = z.infer<typeof catalogAnswer>
