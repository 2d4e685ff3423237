import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findVersitygw } from '../../adapters/embedded/embedded-s3.js'
import { findTemporalBinary } from '../../adapters/embedded/temporal-binary.js'
import { findDynamoDbLocal } from './dynamodb-local.js'
import { provideHttpfs } from './httpfs-extension.js'

/** One folder for all state of a run of the suite (test/support/*), gone at its end also where a test forgot. */
export default async function setup(): Promise<() => Promise<void>> {
  // On a new machine this builds for minutes: once, here, and not in each file against the time limit of its hooks.
  const onProgress = (line: string) => console.log(line)
  if (!process.env.TEMPORAL_ADDRESS) await findTemporalBinary({ env: process.env, onProgress })
  await findVersitygw(onProgress)
  await provideHttpfs(onProgress)
  // Without it the tests that need it fail, and say the same.
  await findDynamoDbLocal(onProgress).catch((error: Error) => console.warn(error.message))
  const root = await mkdtemp(join(tmpdir(), 'millcourse-test-'))
  process.env.MILLCOURSE_TEST_ROOT = root
  return () => rm(root, { recursive: true, force: true })
}
