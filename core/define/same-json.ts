import type { Json } from './canonical-json.js'

/** Whether two values have one canonical text, without making it: a field that is undefined is none. */
export function isSameJson(one: Json | undefined, other: Json | undefined): boolean {
  if (one === other) return true
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null)
    // As JSON has it: NaN and the infinities are null, -0 is 0.
    return isLeaf(one) && isLeaf(other) && JSON.stringify(one) === JSON.stringify(other)
  if (Array.isArray(one) || Array.isArray(other))
    return (
      Array.isArray(one) &&
      Array.isArray(other) &&
      one.length === other.length &&
      one.every((item: Json, index) => isSameJson(item, other[index]))
    )
  const [fields, others] = [one, other] as [Record<string, Json | undefined>, Record<string, Json | undefined>]
  return (
    Object.keys(fields).every((key) => isSameJson(fields[key], others[key])) &&
    Object.keys(others).every((key) => others[key] === undefined || fields[key] !== undefined)
  )
}

function isLeaf(value: Json | undefined): boolean {
  return typeof value !== 'object' || value === null
}
