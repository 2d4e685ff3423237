/** The bare loop that `publish` is measured against: the same SDK calls on statements made beforehand, nothing read, nothing judged. */
import { BatchExecuteStatementCommand, type BatchStatementRequest, DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { toStoredItem } from '../adapters/dynamodb/item-format.js'
import { type Guess, statementsMax, toStatement } from '../adapters/dynamodb/statements.js'
import type { OnlineItem } from '../core/publish/online-item.js'

export interface BareLoop {
  /** Encodes now; what it returns writes, and is what is measured. */
  prepare(table: string, items: readonly OnlineItem[], guess: Guess): () => Promise<void>
  close(): void
}

export function bareLoop(endpoint: string, concurrency: number): BareLoop {
  const client = new DynamoDBClient({
    ...{ endpoint, region: 'us-east-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } },
    maxAttempts: 1,
    requestHandler: { httpAgent: { keepAlive: true, maxSockets: concurrency } },
  })
  return {
    prepare(table, items, guess) {
      const statements = items.map((item) => toStatement(table, toStoredItem(item), guess))
      const batches: BatchStatementRequest[][] = []
      for (let from = 0; from < statements.length; from += statementsMax)
        batches.push(statements.slice(from, from + statementsMax))
      return async () => {
        let next = 0
        const writeOn = async (): Promise<void> => {
          while (next < batches.length) {
            const { Responses } = await client.send(new BatchExecuteStatementCommand({ Statements: batches[next++]! }))
            for (const { Error: failed } of Responses ?? [])
              if (failed) throw new Error(`${failed.Code}: ${failed.Message}`)
          }
        }
        await Promise.all(Array.from({ length: concurrency }, writeOn))
      }
    },
    close: () => client.destroy(),
  }
}
