/** Where the online store's contract is run: each a real endpoint. */
import { DynamoDbOnlineStore } from '../../adapters/dynamodb/dynamodb-online-store.js'
import { localCredentials, startTestDynalite } from '../support/dynalite.js'
import { startDynamoDbLocal } from '../support/dynamodb-local.js'
import type { OnlineStoreHome } from './online-store.contract.js'

const patient = { patienceMs: 30_000, requestTimeoutMs: 10_000 }

export async function dynaliteHome(): Promise<OnlineStoreHome> {
  return localHome(await startTestDynalite())
}

export async function dynamoDbLocalHome(): Promise<OnlineStoreHome> {
  return localHome(await startDynamoDbLocal())
}

function localHome(server: { readonly endpoint: string; stop(): Promise<void> }): OnlineStoreHome {
  return {
    endpoint: server.endpoint,
    tablePrefix: 'contract',
    newStore: (endpoint = server.endpoint, more = {}) =>
      new DynamoDbOnlineStore({ endpoint, credentials: localCredentials, ...patient, ...more }),
    stop: () => server.stop(),
  }
}

/** The real service: region and credentials come from the SDK's own chain, as in production. */
export async function awsHome(): Promise<OnlineStoreHome> {
  const made = new Set<string>()
  const region = process.env.AWS_REGION ?? 'us-east-1'
  const newStore: OnlineStoreHome['newStore'] = (endpoint, more = {}) => {
    const at = endpoint === undefined ? {} : { endpoint }
    const store = new DynamoDbOnlineStore({ ...at, region, ...patient, ...more })
    const { ensureTable } = store
    store.ensureTable = (table, ...rest) => {
      made.add(table)
      return ensureTable.call(store, table, ...rest)
    }
    return store
  }
  return {
    endpoint: null,
    tablePrefix: `millcourse-contract.${Date.now()}`,
    newStore,
    stop: async () => {
      const store = newStore()
      await Promise.all([...made].map((table) => store.dropTable(table)))
      await store.close()
    },
  }
}
