/** Durations as definitions write them, made canonical; a mistake becomes a problem and not an exception. */
import { isMillcourseError } from '../errors.js'
import { type DurationText, formatDuration, parseDuration } from '../time/duration.js'
import type { Problem } from './declare.js'

type Unit = 'ns' | 'us' | 'ms' | 's' | 'm' | 'h' | 'd' | 'w'

/** `15m`, `24h`, `7d`, `1h30m`; a day is 24 hours (R10). */
export type Duration = `${bigint}${Unit}` | `${bigint}${Unit}${bigint}${Unit}`

export interface DurationRead {
  readonly ns: bigint
  readonly text: DurationText
}

/** Null when it is no duration or, unless `mayBeZero`, not above zero; the reason is then in `problems`. */
export function readDuration(
  what: string,
  text: string,
  problems: Problem[],
  options: { readonly mayBeZero?: boolean; readonly because?: string } = {},
): DurationRead | null {
  try {
    const ns = parseDuration(String(text))
    if (ns > 0n || (ns === 0n && options.mayBeZero)) return { ns, text: formatDuration(ns) }
    problems.push({
      code: 'DEFINE_INVALID',
      message: `${what} must be longer than zero, not ${JSON.stringify(text)}${options.because ? ` (${options.because})` : ''}`,
      facts: { duration: String(text) },
    })
  } catch (error) {
    if (!isMillcourseError(error)) throw error
    problems.push({
      code: 'DEFINE_INVALID',
      message: `${what}: ${error.message}`,
      ...(error.detail.hint ? { hint: error.detail.hint } : {}),
      facts: { duration: String(text) },
    })
  }
  return null
}
