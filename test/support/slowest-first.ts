import { sep } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** About how many seconds on two cores, of the files that would hold up the end if they came late. */
const seconds: Readonly<Record<string, number>> = {
  'end-to-end/kills': 198,
  'end-to-end/random-histories': 176,
  'end-to-end/drills': 159,
  'reference/many-histories': 100,
  'faults/quality-checks': 80,
  'end-to-end/s3-road': 76,
  'faults/bad-days/outages-of-runs': 74,
  'faults/bad-days/outages-of-commands': 71,
  'end-to-end/backfill': 70,
  'end-to-end/package': 63,
  'faults/bad-days/deaths-and-memory': 61,
  'faults/publish-traces-publisher': 61,
  'faults/publish-traces': 59,
  'contract/online-store.contract': 57,
  'end-to-end/commands': 56,
  'end-to-end/training-interrupted': 55,
  'end-to-end/compaction': 54,
  'end-to-end/schedules': 51,
  'end-to-end/dev-stack': 48,
  'end-to-end/drills-on-staging': 48,
  'faults/quality-beyond': 45,
  'end-to-end/backup': 44,
  'end-to-end/held-features': 43,
  'faults/publish-online': 43,
  'end-to-end/drain': 41,
  'faults/publish-histories': 38,
  'contract/embedded-temporal': 32,
  'faults/held-histories': 32,
  'workflows/worker': 32,
  'contract/temporal-address.contract': 29,
  'end-to-end/watcher': 28,
  'faults/bad-days/credentials': 27,
  'end-to-end/server': 26,
  'workflows/run': 23,
  'faults/compaction-repair': 21,
  'faults/publish-held': 21,
  'contract/ledger.contract': 20,
  'faults/first-load': 19,
  'workflows/upstream-steps': 19,
  'contract/ledger-publishes.contract': 18,
  'contract/run-control.contract': 17,
  'end-to-end/training-outputs': 17,
  'reference/publish-protocol': 17,
}

/** Vitest knows durations only from its cache, which a fresh checkout does not have: it would go by the size of the files. */
export class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).sort((a, b) => secondsOf(b) - secondsOf(a))
  }
}

function secondsOf({ moduleId }: TestSpecification): number {
  const path = moduleId.split(sep).join('/')
  const name = Object.keys(seconds).find((known) => path.endsWith(`/test/${known}.test.ts`))
  return name === undefined ? 0 : seconds[name]!
}
