/** Random lives of a whole product against the slow reference: whatever came, changed and went, and in whatever order. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findDifferences } from '../support/random-answers.js'
import { findUnexplained } from '../support/random-explanations.js'
import { checkMeanwhile, findFaults, findUnrepaired } from '../support/random-quality.js'
import { openRandomWorld } from '../support/random-world.js'
import { casesOf } from '../support/test-effort.js'
import { testSeed } from '../support/test-seed.js'
import { startServers, type TestServers } from '../support/world.js'

const first = testSeed('MILLCOURSE_TEST_SEED', 694_591)
const many = casesOf(2)
/** Answers of each life, of the two together a thousand: some cannot be compared, where a source file was replaced and its new run is held. */
const comparedMin = { committed: 500, published: 250 }

let servers: TestServers

beforeAll(async () => {
  console.log(`seed ${first}: MILLCOURSE_TEST_SEED=${first} replays it`)
  servers = await startServers()
})
afterAll(async () => {
  await servers?.stop()
})

// Side by side: much of a life is waiting, for ticks and leases.
test.concurrent.each(Array.from({ length: many }, (_, at) => first + at))(
  'R22, R29, R31, R32, R35: online, the published end and training sets equal the reference over what is committed (seed %i)',
  async (seed) => {
    const self = await openRandomWorld(servers, servers.temporal, seed)
    try {
      const checks = checkMeanwhile(self)
      const now = await self.play().finally(() => checks.stop())
      const found = await findDifferences(self, now)
      expect(found, `${self.log.join('\n')}\n`).toEqual([])
      const { unexplained, committed, published } = await findUnexplained(self, now)
      expect(unexplained, `${self.log.join('\n')}\n`).toEqual([])
      console.log(
        `seed ${seed}: ${committed} answers compared with what is committed, ${published} with what is online`,
      )
      expect(committed).toBeGreaterThanOrEqual(comparedMin.committed)
      expect(published).toBeGreaterThanOrEqual(comparedMin.published)
      const faults = [...(await checks.stop()).found, ...(await findFaults(self, [seed, seed + 1]))]
      expect(faults, `${self.log.join('\n')}\n`).toEqual([])
      expect(await findUnrepaired(self, now), `${self.log.join('\n')}\n`).toEqual([])
    } finally {
      await self.close()
    }
  },
  600_000,
)
