/**
 * The rows that a tile file has for one key and tile: one with the states of all plain features, and further ones where a feature has
 * buckets or an operation keeps states per value (a sketch's registers): one per value, with the states of theirs alone.
 *
 *     __part   __bucket carrier   __bin delay   __count   __sum delay   __bin_count delay
 *       0            ·                 ·           17          204            ·             all rows
 *       1            AA                ·            ·           90            ·             window.sum('delay', { by: 'carrier' })
 *       1            UA                ·            ·          114            ·
 *       2            ·             130304           ·            ·            9             window.approx_quantile('delay')
 *
 * So whatever is kept, merging is a grouped aggregate. A view whose features have neither has no `__part`: its files are as they ever were.
 */
import type { Column } from '../define/column-type.js'
import type { ViewBundle, WindowFeature } from '../define/definitions.js'
import { declaredColumn, storedSqlType, storedType } from './column-types.js'
import { sumName } from './operations/exact-sums.js'
import { ruleOf } from './operations/index.js'
import type { InnerGroups, Layer, OperationPlan, TileState } from './operations/operation.js'
import type { SqlType } from './sql-algebra.js'
import { tileOrder } from './tile-order.js'

export const partColumn = '__part'
export const bucketColumn = (name: string): string => `__bucket ${name}`
export const innerColumn = (name: string): string => `__${name}`

export interface PlannedFeature {
  readonly feature: WindowFeature
  readonly plan: OperationPlan
}

export interface TilePart {
  readonly number: bigint
  /** The column whose values are buckets. */
  readonly by: Column | null
  readonly inner: InnerGroups | null
  readonly features: readonly PlannedFeature[]
  /** Each once, in the order of the features that first need it. */
  readonly states: readonly TileState[]
}

export function windowFeatures(bundle: ViewBundle): WindowFeature[] {
  return bundle.view.features.filter((feature): feature is WindowFeature => feature.kind === 'window')
}

/** The first is that of plain features, also where the view has none: it has a row for every key and tile. */
export function tileParts(bundle: ViewBundle): TilePart[] {
  const order = tileOrder(bundle)
  const groups = new Map<string, PlannedFeature[]>([[groupOf(undefined, undefined), []]])
  for (const feature of windowFeatures(bundle)) {
    const column = feature.column === null ? null : declaredColumn(bundle.source.schema, feature.column)
    const plan = ruleOf(feature.operation).plan({ column, parameters: feature.parameters ?? {}, order })
    const group = groupOf(feature.by, plan.inner?.name)
    const known = groups.get(group)
    if (known) known.push({ feature, plan })
    else groups.set(group, [{ feature, plan }])
  }
  return [...groups.values()].map((features, index) => {
    const by = features[0]?.feature.by
    const states = features.flatMap(({ plan }) => plan.states.map((state) => [state.name, state] as const))
    return {
      number: BigInt(index),
      by: by === undefined ? null : declaredColumn(bundle.source.schema, by),
      inner: features[0]?.plan.inner ?? null,
      features,
      states: [...new Map(states).values()],
    }
  })
}

/** Names of the features that keep a sum of integers or decimals, which has 38 digits at most; a float's has no end. */
export function summingFeatures(bundle: ViewBundle): string[] {
  const summed = tileParts(bundle).flatMap(({ features }) =>
    features.filter(({ feature: { column }, plan }) =>
      plan.states.some(({ name }) => column !== null && name === sumName(column)),
    ),
  )
  const names = new Set(summed.map(({ feature }) => feature.name))
  return windowFeatures(bundle).flatMap(({ name }) => (names.has(name) ? [name] : []))
}

function groupOf(by: string | undefined, inner: string | undefined): string {
  return JSON.stringify([by ?? null, inner ?? null])
}

/** Each state once, whatever parts it is kept in. */
export function tileStates(parts: readonly TilePart[]): TileState[] {
  return [...new Map(parts.flatMap((part) => part.states.map((state) => [state.name, state] as const))).values()]
}

/** The columns that tell parts and their rows apart, as files hold them; none where there is one part. */
export function partColumns(parts: readonly TilePart[]): (readonly [string, SqlType])[] {
  if (parts.length === 1) return []
  const columns: (readonly [string, SqlType])[] = parts.flatMap(({ by, inner }) => [
    ...(by === null ? [] : [[bucketColumn(by.name), storedSqlType(by)] as const]),
    ...(inner === null ? [] : [[innerColumn(inner.name), storedType(inner.type)] as const]),
  ])
  return [[partColumn, { kind: 'int16' }], ...new Map(columns)]
}

/** Layers of several plans as one: what two of them name the same is the same, and stands once. */
export function layersTogether(plans: readonly (readonly Layer[])[]): Layer[] {
  const seen = new Set<string>()
  const length = Math.max(0, ...plans.map((layers) => layers.length))
  return [...Array(length).keys()].map((at) =>
    plans.flatMap((layers) =>
      (layers[at] ?? []).filter(([name]) => {
        const isNew = !seen.has(name)
        seen.add(name)
        return isNew
      }),
    ),
  )
}
