/** Kinds of columns that operations take. */
import type { ColumnKind } from '../../define/column-type.js'
import type { Takes } from './operation.js'

const integers = ['int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64'] as const
const numberKinds = [...integers, 'float32', 'float64', 'decimal'] as const
const orderedKinds = [...numberKinds, 'string', 'boolean', 'timestamp', 'date'] as const

export const numbers: Takes<(typeof numberKinds)[number], 'a number'> = { kinds: numberKinds, wanted: 'a number' }
export const ordered: Takes<(typeof orderedKinds)[number], 'an ordered type'> = {
  kinds: orderedKinds,
  wanted: 'an ordered type',
}
export const anything: Takes<ColumnKind, 'a column'> = { kinds: [...orderedKinds, 'binary'], wanted: 'a column' }

/** Columns whose values can be buckets: what compares exactly and can be a key of JSON. */
const bucketKinds = [...integers, 'string', 'boolean', 'date'] as const
export type BucketKind = (typeof bucketKinds)[number]
export const buckets: Takes<BucketKind, 'an integer, a string, a boolean or a date'> = {
  kinds: bucketKinds,
  wanted: 'an integer, a string, a boolean or a date',
}
