import { DynamoDbOnlineStore } from '../../adapters/dynamodb/dynamodb-online-store.js'
import { localCredentials, startTestDynalite } from '../support/dynalite.js'
import { onlineStoreContract } from './online-store.contract.js'

onlineStoreContract('dynalite', async () => {
  const dynalite = await startTestDynalite()
  return {
    endpoint: dynalite.endpoint,
    newStore: (endpoint, patience = { patienceMs: 10_000, requestTimeoutMs: 5_000 }) =>
      new DynamoDbOnlineStore({ endpoint, credentials: localCredentials, ...patience }),
    stop: () => dynalite.stop(),
  }
})
