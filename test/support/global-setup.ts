import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** One folder for all state of a run of the suite (test/support/*), gone at its end also where a test forgot. */
export default async function setup(): Promise<() => Promise<void>> {
  const root = await mkdtemp(join(tmpdir(), 'millcourse-test-'))
  process.env.MILLCOURSE_TEST_ROOT = root
  return () => rm(root, { recursive: true, force: true })
}
