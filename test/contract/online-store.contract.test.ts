import { onlineStoreContract } from './online-store.contract.js'
import { onlineStoreFaults } from './online-store-faults.contract.js'
import { dynaliteHome, dynamoDbLocalHome } from './online-store-homes.js'

onlineStoreContract('dynalite', dynaliteHome)
onlineStoreFaults('dynalite', dynaliteHome, { batch: false })
onlineStoreContract('DynamoDB Local', dynamoDbLocalHome)
onlineStoreFaults('DynamoDB Local', dynamoDbLocalHome, { batch: true })
