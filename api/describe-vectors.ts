import type { Column, ValueType } from '../core/define/definitions.js'
import { formatColumnType } from '../core/define/index.js'
import { type GivenKey, toJsonValue, type VectorFeature, type VectorPlan, type Vectors } from '../core/serve/index.js'
import { formatInstant, type Instant } from '../core/time/instant.js'
import type { VectorAnswer } from './schema.js'

/** What was read, as the answer of the API says it. */
export function describeVectors(
  plan: VectorPlan,
  keys: readonly GivenKey[],
  read: Vectors,
  now: Instant,
): VectorAnswer {
  return {
    name: plan.name,
    kind: plan.kind,
    version: plan.version,
    now: formatInstant(now),
    features: plan.features.map(describeFeature),
    views: plan.parts.map(({ bundle: { view } }, index) => {
      const end = read.ends[index] ?? null
      return {
        view: view.name,
        version: view.version,
        publishedEnd: end === null ? null : formatInstant(end.endAt),
        missingIntervals: [...(end?.missing ?? [])],
      }
    }),
    vectors: keys.map((key, keyIndex) => {
      const reads = read.vectors[keyIndex]!
      return {
        key: Object.fromEntries(Object.entries(key).map(([name, part]) => [name, plainPart(part)])),
        values: Object.fromEntries(
          plan.features.map(({ name, feature, type, part }) => [
            name,
            toJsonValue(type, reads[part]!.values[feature] ?? null),
          ]),
        ),
        views: Object.fromEntries(
          plan.parts.map(({ bundle: { view } }, index) => {
            const { status, eventAt, ageMs } = reads[index]!
            return [view.name, { status, eventAt, ageMs }]
          }),
        ),
        ...describeHeld(plan, reads),
      }
    }),
  }
}

/** R35. */
function describeHeld({ features }: VectorPlan, reads: Vectors['vectors'][number]) {
  const held = features.flatMap(({ name, feature, part }) => {
    const own = reads[part]!.features?.[feature]
    return own ? [[name, { ...own, missingIntervals: own.missingIntervals.map((one) => ({ ...one })) }] as const] : []
  })
  return held.length === 0 ? {} : { features: Object.fromEntries(held) }
}

export function describeFeature({ name, view, feature, type }: VectorFeature) {
  return { name, view, feature, type: describeType(type) }
}

export function describeKey({ name, ...type }: Column) {
  return { name, type: describeType(type) }
}

/** Whether nulls may occur is a promise of the source: a missing key has them in any case. */
function describeType(type: ValueType): string {
  return formatColumnType({ ...type, nullable: false })
}

/** As it was given; whole numbers that a JSON number cannot hold come back as text, which means the same. */
function plainPart(part: unknown): string | number | boolean | null {
  if (typeof part !== 'bigint') return part as string | number | boolean | null
  const number = Number(part)
  return Number.isSafeInteger(number) ? number : part.toString()
}
