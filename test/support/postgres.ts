/** One real PostgreSQL per test file, and in it a schema of its own for every test. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startEmbeddedPostgres } from '../../adapters/embedded/embedded-postgres.js'
import { createPostgresClient, type PostgresClient } from '../../adapters/postgres/client.js'
import { createPostgresLedger } from '../../adapters/postgres/postgres-ledger.js'
import { createPostgresRegistry } from '../../adapters/postgres/postgres-registry.js'
import type { LedgerWriter } from '../../core/ports/ledger.js'
import type { RegistryWriter } from '../../core/ports/registry.js'
import { filledOnce, suiteFolder } from './built-once.js'

export interface TestProject {
  readonly url: string
  readonly project: string
  readonly client: PostgresClient
  readonly ledger: LedgerWriter
  readonly registry: RegistryWriter
  /** A second process's view of the same project: a pool of its own. Closed with the server. */
  connectAgain(): { readonly client: PostgresClient; readonly ledger: LedgerWriter; readonly registry: RegistryWriter }
}

export interface TestPostgres {
  readonly url: string
  readonly pid: number
  /** Migrated and empty. */
  newProject(name?: string): Promise<TestProject>
  stop(): Promise<void>
}

const settings = { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off', max_connections: '200' }

/** In `beforeAll`; `stop` in `afterAll`. Nothing is synced to disk: it dies with the test. */
export async function startTestPostgres(): Promise<TestPostgres> {
  const dir = await mkdtemp(join(suiteFolder(), 'postgres-'))
  // With owners, which Node's own copy does not keep: root runs Postgres as somebody else.
  await promisify(execFile)('cp', ['-Rp', `${await emptyServer()}/.`, dir])
  const server = await startEmbeddedPostgres({ dir, settings })
  const clients: PostgresClient[] = []
  let projects = 0
  const connect = (project: string) => {
    const client = createPostgresClient({ url: server.url, project, poolMax: 5 })
    clients.push(client)
    return { client, ledger: createPostgresLedger(client), registry: createPostgresRegistry(client) }
  }
  return {
    url: server.url,
    pid: server.pid,
    async newProject(name) {
      projects += 1
      const project = name ?? `test_${projects}`
      const connection = connect(project)
      await connection.client.migrate()
      return { url: server.url, project, ...connection, connectAgain: () => connect(project) }
    },
    async stop() {
      await Promise.all(clients.map((client) => client.close()))
      await server.stop()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** To make a cluster takes ten times as long as to copy it. */
function emptyServer(): Promise<string> {
  return filledOnce('empty-postgres', async (dir) => {
    const server = await startEmbeddedPostgres({ dir, settings })
    await server.stop()
  })
}
