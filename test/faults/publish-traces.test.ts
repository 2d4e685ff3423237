import { afterAll, beforeAll, expect, test } from 'vitest'
import { DynamoDbOnlineStore } from '../../adapters/dynamodb/dynamodb-online-store.js'
import type { EmbeddedDynalite } from '../../adapters/embedded/embedded-dynalite.js'
import { type Favour, generateTrace, type Trace } from '../reference/publish-protocol/search.js'
import { localCredentials, startTestDynalite } from '../support/dynalite.js'
import { startTestPostgres, type TestPostgres } from '../support/postgres.js'
import { casesOf } from '../support/test-effort.js'
import { testSeed } from '../support/test-seed.js'
import { firstDifference } from './publish-traces/first-difference.js'
import { playTrace } from './publish-traces/play-trace.js'
import type { RealParts } from './publish-traces/real-protocol.js'
import { withoutGuard } from './publish-traces/without-guard.js'

/** PROTOCOL_SEED and PROTOCOL_TRACES play a failure again. */
const seed = testSeed('PROTOCOL_SEED', 261_586_355)
const traceCount = Number(process.env.PROTOCOL_TRACES ?? casesOf(80))

/** Lost files, expiry and backfills are not the ledger's or the store's own doing. */
const favour: Favour = {
  'cache-lost': 0,
  'delta-lost': 0,
  'months-pass': 0,
  'backfill-begins': 0,
  'backfill-ends': 0,
}

let postgres: TestPostgres
let dynalite: EmbeddedDynalite
let parts: RealParts

beforeAll(async () => {
  postgres = await startTestPostgres()
  dynalite = await startTestDynalite()
  const { ledger, client } = await postgres.newProject('traces')
  const online = new DynamoDbOnlineStore({ endpoint: dynalite.endpoint, credentials: localCredentials })
  parts = { ledger, client, online }
})

afterAll(async () => {
  await parts?.online.close()
  await dynalite?.stop()
  await postgres?.stop()
})

const traces = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => generateTrace(from + index, new Set(), favour, 60))

const playTraces = (played: readonly Trace[], real: RealParts, name: string) =>
  firstDifference(played, (trace) => playTrace(trace, real, `${name}_${trace.seed}`))

test(`R33, R36, R37: ledger and online store answer as the model, whatever order events take (seed ${seed})`, async () => {
  expect(await playTraces(traces(seed, traceCount), parts, 'fresh')).toBeNull()
}, 300_000)

test.each(Object.entries(withoutGuard))('the traces notice real parts without %s', async (guard, remove) => {
  expect(await playTraces(traces(1, 60), remove(parts), guard.replaceAll('-', '_'))).toContain('=> ')
})
