import { MillcourseError } from '../../core/errors.js'
import { parseDuration } from '../../core/time/duration.js'

/**
 * A duration that an option was given, in nanoseconds.
 * @param option as in `--keep`, without its dashes
 * @param limits `longest`: a duration; `hint`: how it is written
 * @throws MillcourseError USAGE
 */
export function durationOption(
  option: string,
  text: string,
  { longest, hint }: { readonly longest: string; readonly hint: string },
): bigint {
  const fault = (what: string) =>
    new MillcourseError('USAGE', `--${option} ${text} ${what}`, { hint, facts: { [option]: text } })
  let ns: bigint
  try {
    ns = parseDuration(text)
  } catch {
    throw fault('is not a duration')
  }
  if (ns > parseDuration(longest)) throw fault('is too long')
  return ns
}
