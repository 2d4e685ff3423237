import { expect, test } from 'vitest'
import { refuseProduction } from './refuse-production.js'

const refusal = expect.objectContaining({ code: 'DRILL_ON_PRODUCTION' })

test.each([
  [{ environment: 'production', database: null }, 'embedded'],
  [{ environment: 'staging', database: 'production' }, 'staging'],
  [{ environment: 'production', database: 'staging' }, 'staging'],
  [{ environment: null, database: null }, 'staging'],
  [{ environment: 'test', database: null }, 'staging'],
] as const)('%j: no drill on a(n) %s stack', (marks, kind) => {
  expect(() => refuseProduction(marks, kind)).toThrow(refusal)
})

test.each([
  [{ environment: null, database: null }, 'embedded'],
  [{ environment: 'staging', database: null }, 'staging'],
  [{ environment: null, database: 'staging' }, 'staging'],
] as const)('%j: drills may run on a(n) %s stack', (marks, kind) => {
  refuseProduction(marks, kind)
})
