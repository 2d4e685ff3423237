import type { FeatureViewDefinition } from '../define/definitions.js'
import { parseDuration } from '../time/duration.js'
import type { WindowReach } from './publish-end.js'

/** How far back the longest window looks, for the choice of E (R29, R32); null: a lookup view. */
export function windowReach(view: FeatureViewDefinition): WindowReach | null {
  if (view.viewKind === 'lookup') return null
  let reachNs: bigint | 'lifetime' = 0n
  for (const feature of view.features) {
    if (feature.kind !== 'window' || reachNs === 'lifetime') continue
    const overNs = feature.over === 'lifetime' ? feature.over : parseDuration(feature.over)
    if (overNs === 'lifetime' || overNs > reachNs) reachNs = overNs
  }
  return { reachNs, onGap: view.onGap }
}
