/** Values on their way in and out, as core/ports/query-engine.ts promises: nothing is rounded, nothing wraps (R11, R12, R20). */
import {
  BIGINT,
  BLOB,
  BOOLEAN,
  DOUBLE,
  type DuckDBArrayValue,
  DuckDBBlobValue,
  type DuckDBDataChunk,
  DuckDBDateValue,
  type DuckDBListValue,
  DuckDBListValue as DuckDBListValueClass,
  type DuckDBMapValue,
  type DuckDBTimestampMillisecondsValue,
  type DuckDBTimestampNanosecondsValue,
  type DuckDBTimestampSecondsValue,
  type DuckDBTimestampTZValue,
  type DuckDBTimestampValue,
  type DuckDBType,
  DuckDBTypeId,
  type DuckDBValue,
  HUGEINT,
  INTEGER,
  LIST,
  VARCHAR,
} from '@duckdb/node-api'
import { MillcourseError } from '../../core/errors.js'
import type { EngineRow, EngineValue } from '../../core/ports/query-engine.js'
import { endOfTime } from '../../core/time/instant.js'

type Read = (value: DuckDBValue) => EngineValue

const int64Max = 2n ** 63n - 1n

/** The rows of one chunk; column names are the query's. */
export function readRows(chunk: DuckDBDataChunk, names: readonly string[], reads: readonly Read[]): EngineRow[] {
  const rows: Record<string, EngineValue>[] = Array.from({ length: chunk.rowCount }, () => ({}))
  for (const [index, name] of names.entries()) {
    const read = reads[index]!
    const values = chunk.getColumnValues(index)
    for (let row = 0; row < values.length; row++) {
      const value = values[row] as DuckDBValue
      rows[row]![name] = value === null ? null : read(value)
    }
  }
  return rows
}

/** @throws MillcourseError COMPUTE_FAILED for a type that has no EngineValue */
export function readerOf(name: string, type: DuckDBType): Read {
  switch (type.typeId) {
    case DuckDBTypeId.BOOLEAN:
    case DuckDBTypeId.TINYINT:
    case DuckDBTypeId.SMALLINT:
    case DuckDBTypeId.INTEGER:
    case DuckDBTypeId.UTINYINT:
    case DuckDBTypeId.USMALLINT:
    case DuckDBTypeId.UINTEGER:
    case DuckDBTypeId.BIGINT:
    case DuckDBTypeId.UBIGINT:
    case DuckDBTypeId.HUGEINT:
    case DuckDBTypeId.UHUGEINT:
    case DuckDBTypeId.FLOAT:
    case DuckDBTypeId.DOUBLE:
    case DuckDBTypeId.VARCHAR:
    case DuckDBTypeId.ENUM:
    case DuckDBTypeId.SQLNULL:
      return (value) => value as EngineValue
    case DuckDBTypeId.DATE:
      return (value) => dateText(value as DuckDBDateValue)
    case DuckDBTypeId.DECIMAL:
    case DuckDBTypeId.TIME:
    case DuckDBTypeId.UUID:
      return (value) => String(value)
    case DuckDBTypeId.BLOB:
      return (value) => (value as DuckDBBlobValue).bytes
    case DuckDBTypeId.TIMESTAMP_S:
      return (value) => nanoseconds((value as DuckDBTimestampSecondsValue).seconds, 1_000_000_000n)
    case DuckDBTypeId.TIMESTAMP_MS:
      return (value) => nanoseconds((value as DuckDBTimestampMillisecondsValue).millis, 1_000_000n)
    case DuckDBTypeId.TIMESTAMP:
      return (value) => nanoseconds((value as DuckDBTimestampValue).micros, 1_000n)
    case DuckDBTypeId.TIMESTAMP_TZ:
      return (value) => nanoseconds((value as DuckDBTimestampTZValue).micros, 1_000n)
    case DuckDBTypeId.TIMESTAMP_NS:
      return (value) => nanoseconds((value as DuckDBTimestampNanosecondsValue).nanos, 1n)
    case DuckDBTypeId.LIST:
    case DuckDBTypeId.ARRAY: {
      const read = readerOf(name, (type as DuckDBType & { readonly valueType: DuckDBType }).valueType)
      return (value) =>
        (value as DuckDBListValue | DuckDBArrayValue).items.map((item) => (item === null ? null : read(item)))
    }
    case DuckDBTypeId.MAP: {
      const { keyType, valueType } = type as DuckDBType & {
        readonly keyType: DuckDBType
        readonly valueType: DuckDBType
      }
      const [readKey, read] = [readerOf(name, keyType), readerOf(name, valueType)]
      return (value) =>
        (value as DuckDBMapValue).entries.map((entry) => [
          readKey(entry.key),
          entry.value === null ? null : read(entry.value),
        ])
    }
    default:
      throw new MillcourseError('COMPUTE_FAILED', `column "${name}" is ${type}, which cannot leave the query engine`, {
        hint: 'cast it in the query',
        facts: { column: name },
      })
  }
}

/** The days that stand for none, which DuckDB's own text of a date writes as days that it then cannot read. */
function dateText(date: DuckDBDateValue): string {
  if (date.days === DuckDBDateValue.PosInf.days) return 'infinity'
  return date.days === DuckDBDateValue.NegInf.days ? '-infinity' : String(date)
}

/** Infinity is the same instant in every unit, and beyond any real one. */
function nanoseconds(count: bigint, unitNs: bigint): bigint {
  if (count === int64Max) return endOfTime
  if (count === -int64Max) return -endOfTime
  return count * unitNs
}

export function bindable(value: EngineValue): { readonly value: DuckDBValue; readonly type: DuckDBType } {
  if (value instanceof Uint8Array) return { value: new DuckDBBlobValue(value), type: BLOB }
  if (Array.isArray(value)) {
    const items = (value as readonly EngineValue[]).map(bindable)
    // An empty list has no type of its own; text is what DuckDB casts from most readily.
    const type = items.find((_, index) => value[index] !== null)?.type ?? VARCHAR
    return { value: new DuckDBListValueClass(items.map((item) => item.value)), type: LIST(widest(items, type)) }
  }
  switch (typeof value) {
    case 'boolean':
      return { value, type: BOOLEAN }
    case 'bigint':
      return { value, type: -int64Max - 1n <= value && value <= int64Max ? BIGINT : HUGEINT }
    case 'number':
      return { value, type: (value | 0) === value && !Object.is(value, -0) ? INTEGER : DOUBLE }
    default:
      return { value: value as string | null, type: VARCHAR }
  }
}

function widest(items: readonly { readonly type: DuckDBType }[], type: DuckDBType): DuckDBType {
  if (type === INTEGER && items.some((item) => item.type === DOUBLE)) return DOUBLE
  if (type === BIGINT && items.some((item) => item.type === HUGEINT)) return HUGEINT
  return type
}
