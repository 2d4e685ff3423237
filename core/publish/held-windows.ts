/**
 * R35 for windows: a feature that a commit leaves out has a gap there, alone (R32). `block`: it is shown at the newest end that its own
 * windows reach whole, and so keeps what it showed before, until the gap is decided on or lies behind its window; `mark`: it is shown at E, as
 * partial. One that was rejected is a gap no more, as an interval that was rejected is none (R37).
 */
import type { HeldWindow } from '../compute/feature-groups.js'
import { formatInstant, type Instant, parseInstant } from '../time/instant.js'
import { type Interval, overlaps, toIsoInterval } from '../time/interval.js'
import { choosePublishEnd, type PublishEndInput, reachedSpan, type WindowReach } from './publish-end.js'

export interface HeldWindowsInput extends Pick<PublishEndInput, 'since' | 'everyNs' | 'committed'> {
  readonly window: WindowReach
  /** Of the publish. */
  readonly endAt: Instant
  /** Commits that leave features out and are not decided on. */
  readonly holding: readonly { readonly interval: Interval; readonly features: readonly string[] }[]
}

/** @param input `committed`: from `since` on */
export function chooseHeldWindows({ window, endAt, holding, committed, ...grid }: HeldWindowsInput): HeldWindow[] {
  const shown = committed.filter(({ end }) => end <= endAt)
  const chosen = new Map<string, HeldWindow>()
  for (const feature of new Set(holding.flatMap(({ features }) => features))) {
    const reach: WindowReach = { reachNs: window.features?.[feature] ?? window.reachNs, onGap: window.onGap }
    const gaps = new Set(holding.filter((one) => one.features.includes(feature)).map(({ interval }) => interval.start))
    const whole = shown.filter(({ start }) => !gaps.has(start))
    const span = reachedSpan(endAt, reach, grid.since)
    const reached = shown.filter((interval) => gaps.has(interval.start) && overlaps(interval, span))
    if (reached.length === 0) continue
    const end = choosePublishEnd({ ...grid, window: reach, committed: whole, floorAt: null })
    const isMarked = reach.onGap === 'mark'
    const one = {
      endAt: isMarked ? formatInstant(endAt) : end === null ? null : formatInstant(end.endAt),
      missing: isMarked ? reached.map(toIsoInterval) : [],
    }
    const name = JSON.stringify(one)
    chosen.set(name, { ...one, features: [...(chosen.get(name)?.features ?? []), feature] })
  }
  return [...chosen.values()]
}

/** From when on tiles are needed for what a publish shows. */
export function heldFrom(held: readonly HeldWindow[], window: WindowReach, since: Instant, from: Instant): Instant {
  return held.reduce((earliest, { endAt }) => {
    if (endAt === null) return earliest
    const { start } = reachedSpan(parseInstant(endAt), window, since)
    return start < earliest ? start : earliest
  }, from)
}
