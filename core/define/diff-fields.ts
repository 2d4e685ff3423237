import type { Json } from './canonical-json.js'
import { isSameJson } from './same-json.js'

export interface FieldDifference {
  /** `features.delay_avg_24h.over`, `source.path`. */
  readonly path: string
  /** Null: it was not there, or said nothing. */
  readonly before: Json
  readonly after: Json
}

type Fields = { readonly [key: string]: Json | undefined }

/** Field by field; lists of named things are compared by name, and their order where only that differs. */
export function diffFields(before: Fields, after: Fields, path = ''): FieldDifference[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])]
  return keys.flatMap((key) => diffValue(path ? `${path}.${key}` : key, before[key] ?? null, after[key] ?? null))
}

function diffValue(path: string, before: Json, after: Json): FieldDifference[] {
  if (isSameJson(before, after)) return []
  const [old, now] = [namedItems(before), namedItems(after)]
  if (old && now) {
    const changes = diffFields(old, now, path)
    const order = { path: `${path} (order)`, before: Object.keys(old), after: Object.keys(now) }
    return changes.length > 0 ? changes : [order]
  }
  return isFields(before) && isFields(after) ? diffFields(before, after, path) : [{ path, before, after }]
}

function isFields(value: Json): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Features, columns and key mappings by their name; null: not a list of such. */
function namedItems(value: Json): Fields | null {
  if (!Array.isArray(value)) return null
  const named = value.map((item: Json): [string, Json] | null => {
    const name = isFields(item) ? (item.name ?? item.key) : null
    return typeof name === 'string' ? [name, item] : null
  })
  return named.every((item) => item !== null) ? Object.fromEntries(named) : null
}
