/**
 * The columns of delta files and of the published-state cache, under names of their own, so that no key or feature name can collide
 * with another or with ours (R23): `k0…` the key's parts, `f0…` the features, both in declared order and in the types of the
 * product's own files; `event_ns` (lookup: the row's event time; empty item: the tombstone's, or null), `is_empty`, `is_new` (deltas only), `digest`
 * (of the values; null for an empty item), `sequence`.
 */
import { sqlType, storedType } from '../compute/column-types.js'
import { printName, printType } from '../compute/print-duckdb.js'
import type { ValueType, ViewBundle } from '../define/definitions.js'
import { valueSchemaHash } from './value-encoding.js'

export interface PublishedColumn {
  /** As the entity or the view calls it. */
  readonly name: string
  /** `k0`, `f0`, … */
  readonly alias: string
  readonly type: ValueType
}

export interface PublishedColumns {
  readonly keys: readonly PublishedColumn[]
  readonly features: readonly PublishedColumn[]
  readonly schemaHash: string
  /** R35, lookup: answers have a column `held`, too (held-values.ts). Absent: none of them has. */
  readonly isHolding?: true
}

export function publishedColumns({ entity, view }: ViewBundle): PublishedColumns {
  return {
    keys: entity.keys.map((key, index) => ({ name: key.name, alias: `k${index}`, type: key })),
    features: view.features.map(({ name, type }, index) => ({ name, alias: `f${index}`, type })),
    schemaHash: valueSchemaHash(view.features),
  }
}

/** `k0, k1`, or with a prefix `a.k0, a.k1`. */
export function aliases(columns: readonly PublishedColumn[], prefix = ''): string {
  return columns.map(({ alias }) => `${prefix}${alias}`).join(', ')
}

/** What compute answers, by declared name, as our own names and types. */
export function aliased(columns: readonly PublishedColumn[]): string {
  return columns.map(({ name, alias, type }) => `CAST(${printName(name)} AS ${storedSql(type)}) AS ${alias}`).join(', ')
}

/** Behind other columns. */
export function heldColumn({ isHolding }: PublishedColumns, prefix = ''): string {
  return isHolding ? `, ${prefix}held` : ''
}

/** Text parameters, one column each, as our own types: what a scan of the online table brings. Null where it is none of the type. */
export function fromText(columns: readonly PublishedColumn[]): string {
  return columns
    .map(({ alias, type }) =>
      type.kind === 'binary' ? `unhex(${alias}) AS ${alias}` : `TRY_CAST(${alias} AS ${storedSql(type)}) AS ${alias}`,
    )
    .join(', ')
}

/** Whether any of the texts that `fromText` reads is none of its type. */
export function isTextUnread(columns: readonly PublishedColumn[]): string {
  const unread = columns.flatMap(({ alias, type }) =>
    type.kind === 'binary' ? [] : [`(${alias} IS NOT NULL AND TRY_CAST(${alias} AS ${storedSql(type)}) IS NULL)`],
  )
  return ['false', ...unread].join(' OR ')
}

/** Nothing that differs shares it: each value with its length, null apart, NaN, -0 and '' as themselves (R20, R36). */
export function digestSql({ features, schemaHash, isHolding }: PublishedColumns): string {
  const parts = features.map(({ alias, type }) => {
    const text = textSql(type, alias)
    return `CASE WHEN ${alias} IS NULL THEN '~' ELSE concat(strlen(${text}), ':', ${text}) END`
  })
  // Null, so that it adds nothing, where nothing is held.
  const held = isHolding ? ['held'] : []
  return `unhex(md5(concat('${schemaHash}', ${["''", ...parts, ...held].join(', ')})))`
}

/** Of a list and a map each item with its length, so that none runs into the next. */
function textSql(type: ValueType, value: string): string {
  const items = (list: string, texts: readonly string[]): string =>
    `coalesce(list_aggregate(list_transform(${list}, lambda item: concat(${texts.map((text) => `strlen(${text}), ':', ${text}`).join(', ')})), 'string_agg', ','), '')`
  switch (type.kind) {
    case 'binary':
      return `hex(${value})`
    case 'list':
      return items(value, [textSql(type.of, 'item')])
    case 'map':
      return items(`map_entries(${value})`, [textSql(type.key, 'item.key'), textSql(type.of, 'item.value')])
    default:
      return `CAST(${value} AS VARCHAR)`
  }
}

function storedSql(type: ValueType): string {
  return printType(storedType(sqlType(type)))
}
