/**
 * Which committed intervals can decide a value of a spine: those that the rows' times reach. So a set about the past stays the same
 * while new intervals are committed, and its id with it.
 */
import type { ViewBundle } from '../define/definitions.js'
import { parseDuration } from '../time/duration.js'
import { floorTo, type Instant } from '../time/instant.js'
import type { SpineTimes, StateCommit, TrainingMode } from './set-state.js'

export function neededCommits<C extends Pick<StateCommit, 'interval'>>(
  bundle: ViewBundle,
  mode: Exclude<TrainingMode, 'as-published'>,
  times: SpineTimes | null,
  commits: readonly C[],
): C[] {
  if (times === null) return []
  // R19: a redelivery hides what it replaces wherever the two lie in time.
  if (bundle.view.viewKind === 'lookup' && bundle.source.eventId !== null) return [...commits]
  const from = reachedFrom(bundle, mode, times.min)
  return commits.filter(({ interval }) => interval.start <= times.max && (from === null || interval.end > from))
}

/** Nothing before it can decide the answer of a row at `t`; null: everything may. */
function reachedFrom({ view }: ViewBundle, mode: Exclude<TrainingMode, 'as-published'>, t: Instant): Instant | null {
  const reach = reachNs({ view })
  if (reach === null) return null
  if (view.viewKind === 'lookup') return t - reach - 1n
  if (mode === 'knowable') return floorTo(t, parseDuration(view.tile ?? view.every)) - reach
  return t - parseDuration(view.lag) - parseDuration(view.every) - reach
}

/** How far back values reach: the ttl of a lookup, the longest window; null: without end. */
export function reachNs({ view }: Pick<ViewBundle, 'view'>): bigint | null {
  if (view.viewKind === 'lookup') return view.ttl === null ? null : parseDuration(view.ttl)
  const lengths = view.features.map((one) =>
    one.kind === 'window' && one.over !== 'lifetime' ? parseDuration(one.over) : null,
  )
  return lengths.includes(null) ? null : lengths.reduce<bigint>((a, b) => (b! > a ? b! : a), 0n)
}
