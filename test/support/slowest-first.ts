import { sep } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** About how many seconds on two quiet cores, of the files that would hold up the end if they came late. */
const seconds: Readonly<Record<string, number>> = {
  'end-to-end/kills': 150,
  'faults/publish-traces-publisher': 75,
  'end-to-end/random-histories': 70,
  'end-to-end/dev-stack': 60,
  'end-to-end/s3-road': 55,
  'end-to-end/package': 50,
  'end-to-end/commands': 50,
  'contract/online-store.contract': 45,
  'end-to-end/backup': 45,
  'end-to-end/schedules': 45,
  'faults/bad-days/deaths-and-memory': 40,
  'faults/publish-traces': 35,
  'faults/bad-days/outages-of-runs': 30,
  'faults/bad-days/outages-of-commands': 30,
  'faults/bad-days/credentials': 30,
  'faults/publish-histories': 30,
  'faults/publish-online': 28,
  'workflows/worker': 28,
  'contract/temporal-address.contract': 27,
  'reference/windows': 26,
  'reference/publish-protocol': 25,
  'reference/training-sets': 22,
  'workflows/run': 20,
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
