/** Types that a query may give and Parquet would change without a word: looked for before the query runs, at any depth of a column. */
import { type DuckDBType, DuckDBTypeId } from '@duckdb/node-api'

export interface ChangedType {
  readonly why: string
  readonly cast: string
}

/** Null: what is read back is what the query gave. */
export function whyChanged(type: DuckDBType): ChangedType | null {
  switch (type.typeId) {
    case DuckDBTypeId.HUGEINT:
    case DuckDBTypeId.UHUGEINT:
      return { why: 'it would become a DOUBLE', cast: 'CAST(… AS BIGINT), or DECIMAL(38, 0)' }
    case DuckDBTypeId.INTERVAL:
      return { why: 'it would lose its microseconds', cast: 'epoch_us(…)' }
    case DuckDBTypeId.TIME_TZ:
      return { why: 'it would lose its zone', cast: 'CAST(… AS VARCHAR), or AS TIME' }
    case DuckDBTypeId.TIME_NS:
    case DuckDBTypeId.BIT:
    case DuckDBTypeId.BIGNUM:
      return { why: 'it would become text', cast: 'CAST(… AS VARCHAR)' }
    case DuckDBTypeId.UNION:
      return { why: 'it has no such type', cast: "union_extract(…, 'member') and union_tag(…)" }
    case DuckDBTypeId.VARIANT:
      return {
        why: 'each value has a type of its own, not all of which it holds',
        cast: 'CAST(… AS JSON), or AS VARCHAR',
      }
    case DuckDBTypeId.STRUCT:
      if (type.entryNames.some((name) => name === '')) return { why: 'its fields have names', cast: "{'a': …, 'b': …}" }
      return firstInside(type, whyChanged)
    default:
      return firstInside(type, whyChanged)
  }
}

/** Parquet has no such type: it becomes a TIMESTAMP, and `infinity` has none of those that DuckDB would make of it. */
export function holdsSeconds(type: DuckDBType): boolean {
  return type.typeId === DuckDBTypeId.TIMESTAMP_S || firstInside(type, (inner) => holdsSeconds(inner) || null) !== null
}

function firstInside<Found>(type: DuckDBType, look: (inner: DuckDBType) => Found | null): Found | null {
  switch (type.typeId) {
    case DuckDBTypeId.LIST:
    case DuckDBTypeId.ARRAY:
      return look(type.valueType)
    case DuckDBTypeId.MAP:
      return look(type.keyType) ?? look(type.valueType)
    case DuckDBTypeId.STRUCT:
      return type.entryTypes.reduce<Found | null>((found, entry) => found ?? look(entry), null)
    default:
      return null
  }
}
