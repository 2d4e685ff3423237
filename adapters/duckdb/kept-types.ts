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
    case DuckDBTypeId.LIST:
    case DuckDBTypeId.ARRAY:
      return whyChanged(type.valueType)
    case DuckDBTypeId.MAP:
      return whyChanged(type.keyType) ?? whyChanged(type.valueType)
    case DuckDBTypeId.STRUCT:
      if (type.entryNames.some((name) => name === '')) return { why: 'its fields have names', cast: "{'a': …, 'b': …}" }
      return type.entryTypes.reduce<ChangedType | null>((found, entry) => found ?? whyChanged(entry), null)
    default:
      return null
  }
}
