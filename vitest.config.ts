import { defineConfig } from 'vitest/config'
import { SlowestFirst } from './test/support/slowest-first.js'

const alias = { millcourse: new URL('./core/define/index.ts', import.meta.url).pathname }

/** `unit` is what `npm run check` runs; `stack` starts real Temporal, Postgres and DynamoDB endpoints. */
export default defineConfig({
  test: {
    sequence: { sequencer: SlowestFirst },
    projects: [
      {
        resolve: { alias },
        test: {
          name: 'unit',
          include: [
            '{core,adapters,activities,workflows,workers,api,cli,drill}/**/*.test.ts',
            'test/*.test.ts',
            'test/{types,mutations}/*.test.ts',
          ],
          testTimeout: 20_000,
          // Half of their time would go into importing the same modules again.
          isolate: false,
          maxWorkers: 2,
        },
      },
      {
        resolve: { alias },
        test: {
          name: 'stack',
          include: ['test/{rules,contract,reference,golden,workflows,faults,end-to-end}/**/*.test.ts'],
          globalSetup: ['test/support/global-setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 300_000,
          // Files wait for leases, heartbeats, round trips for about half of their time: two would leave two cores idle.
          maxWorkers: 3,
          // Run with the other, it goes after it: projects of one group have one number of workers.
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
