import { describe } from 'vitest'
import { onlineStoreContract } from './online-store.contract.js'
import { onlineStoreFaults } from './online-store-faults.contract.js'
import { dynaliteHome, dynamoDbLocalHome } from './online-store-homes.js'

/** The endpoints side by side: of a bad day, most is waiting for an answer. */
describe.concurrent.each([
  ['dynalite', dynaliteHome, { batch: false }],
  ['DynamoDB Local', dynamoDbLocalHome, { batch: true }],
] as const)('%s', (name, home, knows) => {
  onlineStoreContract(name, home)
  onlineStoreFaults(name, home, knows)
})
