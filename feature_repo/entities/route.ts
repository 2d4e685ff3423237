import { entity, t } from 'millcourse'

export const route = entity('route', {
  keys: { origin: t.string(), destination: t.string() },
  owner: 'ops-ml',
  description: 'A direct connection between two airports, in one direction',
})
