import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DynamoDbOnlineStore } from '../../adapters/dynamodb/dynamodb-online-store.js'
import { type EmbeddedDynalite, startDynalite } from '../../adapters/embedded/embedded-dynalite.js'

export const localCredentials = { accessKeyId: 'local', secretAccessKey: 'local' } as const

/** A real DynamoDB-speaking endpoint in a folder of its own; `stop` ends it and removes the folder. */
export async function startTestDynalite(): Promise<EmbeddedDynalite> {
  const folder = await mkdtemp(join(tmpdir(), 'millcourse-dynalite-'))
  const dynalite = await startDynalite({ folder, port: 0 })
  const stop = async (): Promise<void> => {
    await dynalite.stop()
    await rm(folder, { recursive: true, force: true })
  }
  return { ...dynalite, stop }
}

export interface TestOnline {
  readonly store: DynamoDbOnlineStore
  readonly endpoint: string
  stop(): Promise<void>
}

/** An online store on such an endpoint of its own; `stop` ends both. */
export async function startTestOnline(): Promise<TestOnline> {
  const dynalite = await startTestDynalite()
  const { endpoint } = dynalite
  const store = new DynamoDbOnlineStore({ endpoint, credentials: localCredentials })
  const stop = async (): Promise<void> => {
    await store.close()
    await dynalite.stop()
  }
  return { store, endpoint, stop }
}
