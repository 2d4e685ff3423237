/**
 * Values in JSON, so that none loses its type or a digit on the way through any parser (R12, R20). The feature's declared type says
 * how to read it:
 *
 *     int8 … int32, uint8 … uint32   number         int64, uint64, decimal   text: "9007199254740993", "1.50"
 *     float32, float64               number; NaN, the infinities and -0, which JSON or its parsers lack, as text: "NaN", "-Infinity", "-0"
 *     timestamp                      text, UTC, to the nanosecond: "2001-01-31T13:00:00.000000001Z"; "infinity", "-infinity"
 *     date                           text: "2001-01-31", "infinity", "-infinity"
 *     string, boolean                as they are     binary                  text, base64
 *     list                           list            map                     object; a key is the text of its value: {"ATL": 3}, {"17": 3}, {"true": 3}
 */
import type { ColumnType, ListType, ValueType } from '../define/definitions.js'
import { assertNever } from '../errors.js'
import type { PackedValue } from '../publish/index.js'
import { endOfTime, formatInstant, type Instant } from '../time/instant.js'
import { toBase64 } from './base64.js'

export type JsonScalar = null | boolean | number | string
export type JsonValue = JsonScalar | JsonScalar[] | Record<string, JsonScalar | JsonScalar[]>

export function toJsonValue(type: ValueType, value: PackedValue): JsonValue {
  if (value === null) return null
  switch (type.kind) {
    case 'list':
      return toJsonList(type, value)
    case 'map':
      return Object.fromEntries(
        (value as readonly (readonly [PackedValue, PackedValue])[]).map(([key, item]) => [
          String(toJsonScalar(type.key, key)),
          type.of.kind === 'list' ? toJsonList(type.of, item) : toJsonScalar(type.of, item),
        ]),
      )
    default:
      return toJsonScalar(type, value)
  }
}

function toJsonList({ of }: ListType, value: PackedValue): JsonScalar[] {
  return (value as readonly PackedValue[]).map((item) => toJsonScalar(of, item))
}

function toJsonScalar({ kind }: ColumnType, value: PackedValue): JsonScalar {
  switch (kind) {
    case 'int8':
    case 'int16':
    case 'int32':
    case 'uint8':
    case 'uint16':
    case 'uint32':
      return Number(value)
    case 'int64':
    case 'uint64':
      return String(value)
    case 'float32':
    case 'float64':
      if (Object.is(value, -0)) return '-0'
      return Number.isFinite(value) ? (value as number) : String(value)
    case 'timestamp':
      return instantText(value as bigint)
    case 'binary':
      return toBase64(value as Uint8Array)
    case 'boolean':
      return value as boolean
    case 'decimal':
    case 'date':
    case 'string':
      return value as string
    default:
      return assertNever(kind)
  }
}

export const endlessInstants = [
  ['infinity', endOfTime],
  ['-infinity', -endOfTime],
] as const

/** An event or created time may be an end of time, too (R11). */
export function instantText(instant: Instant): string {
  return endlessInstants.find(([, written]) => written === instant)?.[0] ?? formatInstant(instant)
}
