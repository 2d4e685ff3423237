/** Durations are written `15m`, `24h`, `7d`, `500ms`, `1h30m`; a day is 24 hours (R10). In code they are nanoseconds as bigint. */
import { MillcourseError } from '../errors.js'

/** Canonical text: the largest units first, no zero parts: `90m` is `1h30m`. */
export type DurationText = string

const units = [
  ['w', 7n * 86_400_000_000_000n],
  ['d', 86_400_000_000_000n],
  ['h', 3_600_000_000_000n],
  ['m', 60_000_000_000n],
  ['s', 1_000_000_000n],
  ['ms', 1_000_000n],
  ['us', 1_000n],
  ['ns', 1n],
] as const

/** @throws MillcourseError DEFINE_INVALID */
export function parseDuration(text: string): bigint {
  const parts = [...text.matchAll(/(\d+)(ms|us|ns|w|d|h|m|s)/g)]
  if (parts.length === 0 || parts.map((part) => part[0]).join('') !== text)
    throw new MillcourseError('DEFINE_INVALID', `"${text}" is not a duration`, {
      hint: 'write it as 15m, 24h, 7d or 1h30m',
      facts: { text },
    })
  return parts.reduce((sum, part) => sum + BigInt(part[1]!) * units.find(([unit]) => unit === part[2])![1], 0n)
}

export function formatDuration(ns: bigint): DurationText {
  if (ns === 0n) return '0s'
  let left = ns < 0n ? -ns : ns
  let text = ns < 0n ? '-' : ''
  for (const [unit, size] of units) {
    // Weeks are read but never written: 7d says more than 1w beside 24h and 30d.
    if (unit === 'w' || left < size) continue
    text += `${left / size}${unit}`
    left %= size
  }
  return text
}

export function durationToMs(text: DurationText): number {
  return Number(parseDuration(text) / 1_000_000n)
}
