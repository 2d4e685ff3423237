import { entity, t } from 'millcourse'

export const user = entity('user', {
  keys: { user_id: t.int64() },
  owner: 'growth',
  description: 'A customer of the shop',
})
