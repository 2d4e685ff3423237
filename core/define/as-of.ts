import type { Columns } from './column-types.js'
import type { DefineError } from './define-error.js'
import type { Duration } from './duration-option.js'
import { isPlainObject } from './names.js'
import type { Source } from './parquet.js'

/** Column of the dimension -> column of the query's `from`. */
export type DimensionKeys = Readonly<Record<string, string>>

/** Another source in a query, seen as it was at the event time of each row. */
export interface Dimension<S extends Source = Source, Keys extends DimensionKeys = DimensionKeys> {
  readonly dimension: S
  readonly keys: Keys
  readonly within: Duration | null
}

type CheckedDimensionKeys<S extends Source, Keys extends DimensionKeys> = {
  readonly [Column in keyof Keys]: Column extends keyof S['schema']
    ? Keys[Column]
    : DefineError<`asOf: source '${S['name']}' is joined on '${Column & string}', which it does not have`>
}

/**
 * A dimension of a query: of the rows whose key columns equal those of the row that is being made, the newest that was there at its
 * event time (R1, R3, R16, R18); null where there is none.
 * @param keys its column -> column of the query's `from`
 */
export function asOf<S extends Source<string, Columns>, const Keys extends DimensionKeys>(
  source: S,
  keys: CheckedDimensionKeys<S, Keys>,
  options: {
    /** An older row is not seen (R2). Required where its path has time tokens: no more partitions than that are read. */
    readonly within?: Duration
  } = {},
): Dimension<S, Keys> {
  return { dimension: source, keys: keys as unknown as Keys, within: options.within ?? null }
}

export function isDimension(value: unknown): value is Dimension {
  return isPlainObject(value) && 'dimension' in value && isPlainObject(value.keys)
}
