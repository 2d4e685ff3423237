import { sep } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Seconds on two quiet cores, of the files that take long enough to hold up the end when they come late. */
const seconds: Readonly<Record<string, number>> = {
  'end-to-end/kills': 150,
  'faults/publish-traces-publisher': 110,
  'end-to-end/dev-stack': 85,
  'end-to-end/s3-road': 80,
  'end-to-end/random-histories': 75,
  'end-to-end/package': 74,
  'end-to-end/schedules': 71,
  'workflows/run': 59,
  'faults/publish-traces': 58,
  'faults/bad-days/deaths-and-memory': 52,
  'reference/windows': 51,
  'end-to-end/commands': 49,
  'faults/publish-histories': 49,
  'end-to-end/backup': 45,
  'contract/online-store.contract': 45,
  'reference/training-sets': 41,
  'faults/bad-days/credentials': 31,
  'faults/publish-online': 28,
  'workflows/worker': 28,
  'contract/temporal-address.contract': 27,
  'reference/publish-protocol': 25,
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
