import { entity, t } from 'millcourse'

export const airport = entity('airport', {
  keys: { origin: t.string() },
  owner: 'ops-ml',
  description: 'A US airport by its IATA code, as the place flights leave from',
})
