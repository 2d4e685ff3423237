/** Stable JSON of a report: 64-bit integers as text (JSON numbers end at 2^53), byte strings as base64. `undefined`: no text at all. */
export function toJson(data: unknown): string {
  return JSON.stringify(data, (_key, value) => plainValue(value), 2) ?? ''
}

function plainValue(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  return value
}
