import { sep } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** About how many seconds on two quiet cores, of the files that would hold up the end if they came late. */
const seconds: Readonly<Record<string, number>> = {
  'end-to-end/kills': 160,
  'faults/bad-days/outages-of-runs': 131,
  'end-to-end/random-histories': 77,
  'contract/online-store.contract': 70,
  'faults/publish-traces-publisher': 65,
  'faults/bad-days/outages-of-commands': 60,
  'end-to-end/commands': 57,
  'end-to-end/s3-road': 56,
  'end-to-end/dev-stack': 53,
  'faults/publish-traces': 49,
  'end-to-end/schedules': 47,
  'end-to-end/package': 46,
  'faults/bad-days/deaths-and-memory': 46,
  'faults/publish-histories': 44,
  'end-to-end/compaction': 40,
  'end-to-end/backup': 38,
  'contract/temporal-address.contract': 35,
  'reference/publish-protocol': 33,
  'faults/publish-online': 31,
  'workflows/run': 30,
  'workflows/worker': 30,
  'faults/bad-days/credentials': 29,
  'end-to-end/server': 28,
  'reference/many-histories': 20,
  'end-to-end/training-interrupted': 20,
  'end-to-end/training-outputs': 20,
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
