import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { ActivityDeps } from '../../../activities/activity-deps.js'
import { SystemClock } from '../../../adapters/clock/system-clock.js'
import { createDuckdbEngine } from '../../../adapters/duckdb/duckdb-query-engine.js'
import { DynamoDbOnlineStore } from '../../../adapters/dynamodb/dynamodb-online-store.js'
import { createFilesLake } from '../../../adapters/files/files-lake.js'
import { localCredentials, startTestDynalite } from '../../support/dynalite.js'
import { startTestPostgres } from '../../support/postgres.js'
import type { PublisherParts } from './play-publisher.js'
import { TraceFiles } from './trace-views.js'

/** All that a publish needs, real. Leases are long, so that the trace alone says when one expires; every item is a part. */
export async function startTraceParts(): Promise<PublisherParts & { stop(): Promise<void> }> {
  const root = await mkdtemp(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), 'publish-traces-'))
  const [postgres, dynalite] = await Promise.all([startTestPostgres(), startTestDynalite()])
  const { ledger, registry, project, client } = await postgres.newProject('traces')
  const engine = await createDuckdbEngine({ memoryLimitMb: 512, spillDir: join(root, 'spill'), threads: 1 })
  const online = new DynamoDbOnlineStore({ endpoint: dynalite.endpoint, credentials: localCredentials })
  const lake = createFilesLake(pathToFileURL(join(root, 'lake')).href)
  const sources = createFilesLake(pathToFileURL(join(root, 'sources')).href)
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
  const settings = { project, leaseMs: 3_600_000, publishWaitMs: 0, publishPartItems: 1 }
  const clock = new SystemClock()
  const deps: ActivityDeps = { ledger, registry, lake, sources, engine, online, clock, log, settings }
  return {
    deps,
    client,
    files: new TraceFiles(deps),
    async stop() {
      await engine.close()
      await online.close()
      await Promise.all([postgres.stop(), dynalite.stop()])
      await rm(root, { recursive: true, force: true })
    },
  }
}
