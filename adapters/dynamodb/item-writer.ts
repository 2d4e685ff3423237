/**
 * Writes items under the fence of R36: every request is conditional, so it holds whatever is repeated, late or lost. Fast where the
 * endpoint knows PartiQL (statements.ts: 25 items a request); elsewhere, and where two guesses about an item were wrong, each
 * item is a conditional PutItem.
 */
import { BatchExecuteStatementCommand, type DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { assert } from '../../core/errors.js'
import type { OnlineWrite, PutOutcome, WriteOptions } from '../../core/ports/online-store.js'
import { isNamed, isPassing, toOnlineStoreError } from './errors.js'
import type { StoredItem } from './item-format.js'
import { withPatience } from './patience.js'
import { type Guess, readOutcome, statementsMax, toStatement } from './statements.js'
import { writeInTurn } from './write-in-turn.js'

const wrongGuessesMax = 2

interface Pending {
  readonly index: number
  readonly item: StoredItem
  readonly guess: Guess
  readonly wrongGuesses: number
}

interface BatchOptions {
  readonly mayWrite: () => boolean
  readonly settle: (index: number, outcome: PutOutcome) => void
  readonly onThrottled: (() => void) | undefined
}

export class ItemWriter {
  /** Until the endpoint says otherwise. */
  private isPartiqlKnown = true

  constructor(
    private readonly client: DynamoDBClient,
    private readonly options: { readonly concurrency: number; readonly patienceMs: number },
  ) {}

  async write(table: string, items: readonly OnlineWrite[], options: WriteOptions): Promise<PutOutcome[]> {
    return await writeInTurn(items, options, {
      concurrency: this.options.concurrency,
      itemsMax: () => (this.isPartiqlKnown ? statementsMax : 1),
      write: async (batch, mayWrite, settle) => {
        const pending = batch.map(({ index, item }): Pending => {
          const guess = items[index]!.isNew === true ? 'absent' : 'present'
          return { index, item, guess, wrongGuesses: 0 }
        })
        await this.writeBatch(table, pending, { mayWrite, settle, onThrottled: options.onThrottled })
      },
    })
  }

  /** A refused condition is an answer. A repeat after a lost answer meets its own sequence and lands again, unchanged. */
  async put(table: string, item: StoredItem, mayWrite: () => boolean, onThrottled?: () => void): Promise<PutOutcome> {
    const command = new PutItemCommand({
      TableName: table,
      Item: item,
      // An item without a sequence is none that a publish wrote: as good as absent.
      ConditionExpression: 'NOT attribute_type(#seq, :number) OR #seq <= :seq',
      ExpressionAttributeNames: { '#seq': 'seq' },
      ExpressionAttributeValues: { ':seq': item.seq!, ':number': { S: 'N' } },
    })
    const send = async (): Promise<PutOutcome> => {
      // The lease may have gone while the request waited to be repeated: not written, as the port says.
      if (!mayWrite()) return 'refused'
      try {
        await this.client.send(command)
        return 'written'
      } catch (error) {
        if (isNamed(error, 'ConditionalCheckFailedException')) return 'refused'
        throw error
      }
    }
    return await withPatience(table, this.options.patienceMs, send, onThrottled)
  }

  /** What is not settled in the end counts as refused: the lease is gone. */
  private async writeBatch(
    table: string,
    batch: readonly Pending[],
    { mayWrite, settle, onThrottled }: BatchOptions,
  ): Promise<void> {
    let left = batch
    const alone: Pending[] = []
    const send = async (): Promise<void> => {
      while (left.length > 0 && this.isPartiqlKnown && mayWrite()) {
        const { open, error } = await this.sendStatements(table, left, settle)
        left = open.filter(({ wrongGuesses }) => wrongGuesses < wrongGuessesMax)
        alone.push(...open.filter(({ wrongGuesses }) => wrongGuesses >= wrongGuessesMax))
        // A pause for all that is left, or the end of patience.
        if (error !== null) throw error
      }
    }
    if (this.isPartiqlKnown) await withPatience(table, this.options.patienceMs, send, onThrottled)
    if (!this.isPartiqlKnown) alone.push(...left)
    await Promise.all(
      alone.map(async ({ index, item }) => settle(index, await this.put(table, item, mayWrite, onThrottled))),
    )
  }

  /** Each statement has an outcome of its own inside an answer that as a whole is a success. */
  private async sendStatements(
    table: string,
    batch: readonly Pending[],
    settle: (index: number, outcome: PutOutcome) => void,
  ): Promise<{ readonly open: Pending[]; readonly error: Error | null }> {
    const Statements = batch.map(({ item, guess }) => toStatement(table, item, guess))
    let answers: readonly { readonly Error?: Parameters<typeof readOutcome>[1] }[]
    try {
      answers = (await this.client.send(new BatchExecuteStatementCommand({ Statements }))).Responses ?? []
    } catch (error) {
      if (!isNamed(error, 'UnknownOperationException')) throw error
      this.isPartiqlKnown = false
      return { open: [...batch], error: null }
    }
    assert(answers.length === batch.length, 'each statement is answered')
    const open: Pending[] = []
    let failed: Error | null = null
    for (const [position, pending] of batch.entries()) {
      const outcome = readOutcome(pending.item, answers[position]!.Error)
      if (outcome.kind === 'written' || outcome.kind === 'refused') settle(pending.index, outcome.kind)
      else if (outcome.kind === 'wrong-guess') open.push(turned(pending))
      else {
        open.push(pending)
        // What will not pass decides over what may.
        if (failed === null || !isPassing(toOnlineStoreError(outcome.error, table))) failed = outcome.error
      }
    }
    return { open, error: failed }
  }
}

function turned(pending: Pending): Pending {
  return {
    ...pending,
    guess: pending.guess === 'absent' ? 'present' : 'absent',
    wrongGuesses: pending.wrongGuesses + 1,
  }
}
