/**
 * Instants are nanoseconds since 1970-01-01T00:00:00Z as a bigint (R10, R11): never a JavaScript Date, which rounds to
 * milliseconds. In payloads, definitions and on screens an instant is ISO 8601 text in UTC (`IsoInstant`).
 */
import { MillcourseError } from '../errors.js'

export type Instant = bigint
/** `2001-01-01T00:00:00Z`, with up to nine fractional digits, no trailing zeros. */
export type IsoInstant = string

export const nsPerMs = 1_000_000n
export const nsPerSecond = 1_000_000_000n
/** The last instant that fits in a signed integer of 64 bits, in the year 2262. */
export const maxInt64: Instant = 2n ** 63n - 1n
/** What `infinity` in a source is read as, in every time unit; beyond any real instant, so end-of-time markers do not wrap (R11). */
export const endOfTime: Instant = 9_223_372_036_854_775_807_000n
const pattern = /^([+-]\d{6}|\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?)?$/

/** Text without a zone is UTC (R10). @throws MillcourseError PLAN_INTERVAL_INVALID */
export function parseInstant(text: string): Instant {
  const match = pattern.exec(text.trim())
  const [, year, month, day, hour = '00', minute = '00', second = '00', fraction = '', zone = 'Z'] = match ?? []
  const offset =
    zone === 'Z' ? 0 : (zone.startsWith('-') ? -1 : 1) * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2)))
  const wall = `${year}-${month}-${day}T${hour}:${minute}:${second}`
  const ms = match ? Date.parse(`${wall}Z`) : Number.NaN
  // Date.parse takes 2001-02-31 for 3 March in some engines: what comes back must be what went in.
  if (Number.isNaN(ms) || !new Date(ms).toISOString().startsWith(wall))
    throw new MillcourseError('PLAN_INTERVAL_INVALID', `"${text}" is not an instant`, {
      hint: 'write it as 2001-01-31T13:00:00Z',
      facts: { text },
    })
  return (BigInt(ms) - BigInt(offset) * 60_000n) * nsPerMs + BigInt(fraction.padEnd(9, '0'))
}

export function formatInstant(instant: Instant): IsoInstant {
  const secondsFloor = floorDiv(instant, nsPerSecond)
  const fraction = instant - secondsFloor * nsPerSecond
  const date = new Date(Number(secondsFloor) * 1000)
  // Beyond what a Date can hold (year 275760) only the number is left to say.
  if (Number.isNaN(date.getTime())) return `${instant}ns`
  const digits = fraction === 0n ? '' : `.${fraction.toString().padStart(9, '0').replace(/0+$/, '')}`
  return `${date.toISOString().slice(0, -5)}${digits}Z`
}

/** Integer division rounding toward minus infinity, so that tiles before 1970 align too (R9). */
export function floorDiv(a: bigint, b: bigint): bigint {
  const quotient = a / b
  return a % b !== 0n && a < 0n !== b < 0n ? quotient - 1n : quotient
}

/** The start of the span of length `spanNs`, aligned to 1970-01-01T00:00:00Z, that holds `instant` (R9). */
export function floorTo(instant: Instant, spanNs: bigint): Instant {
  return floorDiv(instant, spanNs) * spanNs
}

export function instantFromMs(ms: number): Instant {
  return BigInt(Math.trunc(ms)) * nsPerMs
}

/** For timers and third-party APIs only: loses what is below a millisecond. */
export function instantToMs(instant: Instant): number {
  return Number(floorDiv(instant, nsPerMs))
}

/** Of at least one instant. */
export function earliest(instants: readonly Instant[]): Instant {
  let found = instants[0]!
  for (const instant of instants) if (instant < found) found = instant
  return found
}

/** Of at least one instant. */
export function latest(instants: readonly Instant[]): Instant {
  let found = instants[0]!
  for (const instant of instants) if (instant > found) found = instant
  return found
}
