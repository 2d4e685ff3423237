import type { FeatureViewDefinition } from '../define/definitions.js'
import { parseDuration } from '../time/duration.js'
import type { WindowReach } from './publish-end.js'

/** How far back the longest window looks, and each, for the choice of E (R29, R32, R35); null: a lookup view. */
export function windowReach(view: FeatureViewDefinition): WindowReach | null {
  if (view.viewKind === 'lookup') return null
  const reaches = view.features.flatMap((feature) =>
    feature.kind === 'window'
      ? [[feature.name, feature.over === 'lifetime' ? feature.over : parseDuration(feature.over)] as const]
      : [],
  )
  const reachNs = reaches
    .map(([, reach]) => reach)
    .reduce<bigint | 'lifetime'>(
      (longest, reach) => (longest === 'lifetime' || (reach !== 'lifetime' && reach <= longest) ? longest : reach),
      0n,
    )
  return { reachNs, onGap: view.onGap, features: Object.fromEntries(reaches) }
}
