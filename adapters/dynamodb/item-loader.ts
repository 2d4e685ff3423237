/**
 * Writes items without conditions, 25 a request, into a table that only this attempt writes: a version's first load. Nothing refuses
 * a late request here, so each must be known to have been answered, or never to have gone out, before anybody may read the table.
 */
import { BatchWriteItemCommand, type DynamoDBClient, type WriteRequest } from '@aws-sdk/client-dynamodb'
import { MillcourseError } from '../../core/errors.js'
import type { LoadOutcome, PutOutcome, WriteOptions } from '../../core/ports/online-store.js'
import type { OnlineItem } from '../../core/publish/online-item.js'
import { isOutcomeUnknown } from './errors.js'
import { withPatience } from './patience.js'
import type { BatchedItem } from './take-batch.js'
import { writeInTurn } from './write-in-turn.js'

/** DynamoDB's limit on the writes of one BatchWriteItem. */
const batchWritesMax = 25

/** Ends the other writers, too: what they have sent is waited for, nothing more is sent. */
class UnknownOutcome extends Error {}

export class ItemLoader {
  constructor(
    private readonly client: DynamoDBClient,
    private readonly options: { readonly concurrency: number; readonly patienceMs: number },
  ) {}

  async load(table: string, items: readonly OnlineItem[], options: WriteOptions): Promise<LoadOutcome> {
    try {
      return await writeInTurn(items, options, {
        concurrency: this.options.concurrency,
        itemsMax: () => batchWritesMax,
        write: async (batch, mayWrite, settle) => {
          const outcome = await this.send(table, batch, mayWrite, options.onThrottled)
          if (outcome === 'unknown') throw new UnknownOutcome()
          for (const { index } of batch) settle(index, outcome)
        },
      })
    } catch (error) {
      if (error instanceof UnknownOutcome) return 'unknown'
      throw error
    }
  }

  /** `refused`: the lease had gone before all of it was written. */
  private async send(
    table: string,
    batch: readonly BatchedItem[],
    mayWrite: () => boolean,
    onThrottled: WriteOptions['onThrottled'],
  ): Promise<PutOutcome | 'unknown'> {
    let left = batch.map(({ item }): WriteRequest => ({ PutRequest: { Item: item } }))
    const sendLeft = async (): Promise<PutOutcome | 'unknown'> => {
      if (!mayWrite()) return 'refused'
      try {
        const command = new BatchWriteItemCommand({ RequestItems: { [table]: left } })
        left = (await this.client.send(command)).UnprocessedItems?.[table] ?? []
      } catch (error) {
        if (isOutcomeUnknown(error)) return 'unknown'
        throw error
      }
      if (left.length > 0)
        throw new MillcourseError(
          'PUBLISH_THROTTLED',
          `online table ${table}: ${left.length} items were left unwritten`,
        )
      return 'written'
    }
    return await withPatience(table, this.options.patienceMs, sendLeft, onThrottled)
  }
}
