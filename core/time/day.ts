/** Days of UTC as text, `2026-11-22`: they sort as they follow. */
import { MillcourseError } from '../errors.js'
import { formatInstant, type Instant, parseInstant } from './instant.js'

const shape = /^\d{4}-\d\d-\d\d$/
const dayNs = 86_400_000_000_000n

export function dayOf(instant: Instant): string {
  return formatInstant(instant).slice(0, 10)
}

/** A day, or the day of an instant. @throws MillcourseError USAGE */
export function parseDay(text: string): string {
  try {
    return dayOf(parseInstant(shape.test(text) ? `${text}T00:00:00Z` : text))
  } catch (error) {
    throw new MillcourseError('USAGE', `"${text}" is no day`, {
      cause: error,
      hint: 'write 2026-11-22',
      facts: { text },
    })
  }
}

export function addDays(day: string, days: number): string {
  return dayOf(parseInstant(`${day}T00:00:00Z`) + BigInt(days) * dayNs)
}
