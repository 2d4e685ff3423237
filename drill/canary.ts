/**
 * Whether a canary has done what it is there for: it failed of the silence alone, and the silence was its own. A rule that finds nothing is
 * silent, too: without the watcher's word that it was raised a missing alarm proves nothing about the one that was cut.
 */
import type { Alarm } from './alarm.js'

export interface Silence {
  /** The fault was there, its alarm was waited for, and did not come to the receiver. */
  readonly isSilent: boolean
  /** The watcher has logged it; null: nobody does, as where the watcher itself is gone. */
  readonly isRaised: boolean | null
  /** That of the silence among them. */
  readonly failures: readonly string[]
}

export function isDeafOnly({ isSilent, isRaised, failures }: Silence): boolean {
  return isSilent && isRaised !== false && failures.length === 1
}

/**
 * Whether the watcher's log has an incident of this alarm that was opened since: each is logged, whatever its routes say.
 *
 * @param log lines of JSON, among others
 */
export function isLogged(log: string, { alarm, keyHas = '' }: LookedFor, sinceMs: number): boolean {
  return log.split('\n').some((line) => {
    // Most lines are of something else, and the last one may be half a line.
    if (!line.includes('"event":"opened"')) return false
    const { rule, key = '', openedAt = '' } = factsOf(line)
    return rule === alarm && key.includes(keyHas) && Date.parse(openedAt) >= sinceMs
  })
}

interface LookedFor {
  readonly alarm: Alarm
  readonly keyHas?: string
}

function factsOf(line: string): { readonly rule?: string; readonly key?: string; readonly openedAt?: string } {
  try {
    return JSON.parse(line)
  } catch {
    return {}
  }
}
