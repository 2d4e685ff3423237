import type { RunOutcome } from '../plan/interval-state.js'
import type { Profile, Verdict } from './verdict.js'

/** What a good run is a measure of. R35: not of what was judged bad and held alone, unless someone has accepted it. */
export function withoutHeld(
  profile: Profile,
  { outcome, verdict }: { readonly outcome: RunOutcome; readonly verdict: Verdict | null },
): Profile {
  const held = outcome === 'accepted' ? [] : (verdict?.heldFeatures ?? [])
  if (held.length === 0) return profile
  return { ...profile, columns: profile.columns.filter(({ feature }) => !held.includes(feature)) }
}
