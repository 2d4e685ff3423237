/** The bare loop that `publish` is measured against: the same SDK calls on requests made beforehand, nothing read, nothing judged. */
import { BatchExecuteStatementCommand, BatchWriteItemCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { type StoredItem, toStoredItem } from '../adapters/dynamodb/item-format.js'
import { statementsMax, toStatement } from '../adapters/dynamodb/statements.js'
import type { OnlineItem } from '../core/publish/online-item.js'

/** A first load in batches without conditions; or updates under conditions of items that are there. */
export type Mode = 'firstLoad' | 'conditional'

export interface BareLoop {
  /** Encodes now; what it returns writes, and is what is measured. */
  prepare(table: string, items: readonly OnlineItem[], mode: Mode): () => Promise<void>
  close(): void
}

type Request = (client: DynamoDBClient) => Promise<void>

export function bareLoop(endpoint: string, concurrency: number): BareLoop {
  const client = new DynamoDBClient({
    ...{ endpoint, region: 'us-east-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } },
    maxAttempts: 1,
    requestHandler: { httpAgent: { keepAlive: true, maxSockets: concurrency } },
  })
  return {
    prepare(table, items, mode) {
      const stored = items.map(toStoredItem)
      const requests: Request[] = []
      for (let from = 0; from < stored.length; from += statementsMax) {
        const batch = stored.slice(from, from + statementsMax)
        requests.push(mode === 'firstLoad' ? putsOf(table, batch) : updatesOf(table, batch))
      }
      return async () => {
        let next = 0
        const writeOn = async (): Promise<void> => {
          while (next < requests.length) await requests[next++]!(client)
        }
        await Promise.all(Array.from({ length: concurrency }, writeOn))
      }
    },
    close: () => client.destroy(),
  }
}

function putsOf(table: string, batch: readonly StoredItem[]): Request {
  const RequestItems = { [table]: batch.map((Item) => ({ PutRequest: { Item } })) }
  return async (client) => {
    const { UnprocessedItems } = await client.send(new BatchWriteItemCommand({ RequestItems }))
    if (UnprocessedItems?.[table] !== undefined) throw new Error('items were left over')
  }
}

function updatesOf(table: string, batch: readonly StoredItem[]): Request {
  const Statements = batch.map((item) => toStatement(table, item, 'present'))
  return async (client) => {
    const { Responses } = await client.send(new BatchExecuteStatementCommand({ Statements }))
    for (const { Error: failed } of Responses ?? []) if (failed) throw new Error(`${failed.Code}: ${failed.Message}`)
  }
}
