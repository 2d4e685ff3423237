/** Real Postgres, Temporal, S3 and DynamoDB endpoint for a file of outages, and what a process is told to reach them. */
import { join } from 'node:path'
import { startTestDynalite } from '../../support/dynalite.js'
import { startTestPostgres, type TestPostgres } from '../../support/postgres.js'
import { startTestTemporal, type TestTemporal } from '../../support/temporal.js'
import { createTestAuthority, type TestAuthority } from '../../support/temporal-tls-proxy.js'
import { startTestS3, type TestS3 } from '../../support/versitygw.js'
import type { Servers } from '../../support/world.js'

export interface OutageParts {
  readonly postgres: TestPostgres
  readonly temporal: TestTemporal
  readonly s3: TestS3
  readonly dynalite: Awaited<ReturnType<typeof startTestDynalite>>
  readonly authority: TestAuthority
  readonly servers: Servers
  /** The file's own. */
  readonly dir: string
  /** Lake and sources in S3. */
  readonly environment: Readonly<Record<string, string>>
  stop(): Promise<void>
}

/** The SDKs of this process get their credentials, too. */
export async function openOutageParts(dir: string): Promise<OutageParts> {
  const [postgres, temporal, s3, dynalite] = await Promise.all([
    startTestPostgres(),
    startTestTemporal(),
    startTestS3(),
    startTestDynalite(),
  ])
  const authority = createTestAuthority()
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = process.env
  Object.assign(process.env, {
    AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
  })
  await Promise.all([s3.newBucket('lake'), s3.newBucket('sources')])
  return {
    ...{ postgres, temporal, s3, dynalite, authority },
    dir,
    servers: {
      postgresUrl: postgres.url,
      temporalAddress: temporal.server.address,
      dynamodbEndpoint: dynalite.endpoint,
    },
    environment: {
      ...s3.environment,
      MILLCOURSE_LAKE: 's3://lake/root',
      MILLCOURSE_SOURCES: 's3://sources/root',
      MILLCOURSE_SPILL_DIR: join(dir, 'spill'),
    },
    async stop() {
      for (const [name, before] of Object.entries({ AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY }))
        if (before === undefined) delete process.env[name]
        else process.env[name] = before
      await Promise.all([postgres.stop(), temporal.stop(), s3.stop(), dynalite.stop()])
      authority.remove()
    },
  }
}
