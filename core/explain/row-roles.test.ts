/** What is told of rows, by the rules alone; how it fits the engine's answers is played over random lives (test/end-to-end/random-histories.test.ts). */
import { expect, test } from 'vitest'
import { account, hour, sourceOf } from '../../test/reference/generated-history.js'
import { featureView, lookup } from '../define/index.js'
import { formatInstant } from '../time/instant.js'
import { rowRoles } from './row-roles.js'
import type { SourceRow } from './source-row.js'

test('R2: the newest row seen is expired once it is older than the ttl, one nanosecond to each side, and nothing older counts', () => {
  const source = sourceOf({ visibility: 'event', hasTombstone: false, hasId: false, within: null })
  const shared = { version: 1, entity: account, source, since: formatInstant(0n), every: '1h', owner: 'test' } as const
  const { definition } = featureView('latest', { ...shared, ttl: '2h', features: { amount: lookup() } })
  const bundle = { entity: account.definition, source: source.definition, definitionHash: 'x', view: definition }
  const rows = [1n, hour].map(
    (eventAt, at): SourceRow => ({
      ...{ file: 'f', row: at + 1, eventAt, createdAt: null, eventId: null, isDeleted: false, columns: {} },
      ...{ rank: at, delivery: at, intervalStart: 0n },
    }),
  )
  const rolesAt = (at: bigint) => rowRoles({ bundle, rows, at, isCommitted: () => true }).map(({ role }) => role)
  expect(rolesAt(3n * hour - 1n)).toEqual(['older', 'counted'])
  expect(rolesAt(3n * hour)).toEqual(['older', 'counted'])
  expect(rolesAt(3n * hour + 1n)).toEqual(['older', 'expired'])
})
