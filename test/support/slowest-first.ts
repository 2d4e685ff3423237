import { sep } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** About how many seconds on two cores, of the files that would hold up the end if they came late. */
const seconds: Readonly<Record<string, number>> = {
  'end-to-end/drills': 190,
  'end-to-end/kills': 125,
  'end-to-end/random-histories': 110,
  'faults/publish-traces-publisher': 93,
  'reference/many-histories': 80,
  'end-to-end/commands': 80,
  'end-to-end/drills-on-staging': 80,
  'faults/bad-days/outages-of-runs': 75,
  'faults/bad-days/outages-of-commands': 73,
  'end-to-end/dev-stack': 72,
  'faults/publish-traces': 65,
  'faults/bad-days/deaths-and-memory': 61,
  'end-to-end/schedules': 56,
  'end-to-end/s3-road': 55,
  'contract/online-store.contract': 50,
  'end-to-end/package': 47,
  'faults/quality-checks': 43,
  'faults/publish-histories': 42,
  'end-to-end/compaction': 40,
  'end-to-end/held-features': 40,
  'end-to-end/backup': 37,
  'contract/temporal-address.contract': 34,
  'end-to-end/training-interrupted': 33,
  'end-to-end/drain': 30,
  'workflows/worker': 29,
  'faults/bad-days/credentials': 27,
  'faults/publish-online': 27,
  'workflows/run': 26,
  'end-to-end/server': 26,
  'faults/held-histories': 25,
  'faults/first-load': 23,
  'contract/embedded-temporal': 22,
  'faults/bad-input/world': 21,
  'end-to-end/training-outputs': 20,
  'reference/publish-protocol': 18,
  'contract/run-control.contract': 17,
  'end-to-end/watcher': 17,
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
