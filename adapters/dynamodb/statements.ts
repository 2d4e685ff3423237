/**
 * An item as a PartiQL statement that is a conditional put (R36). PartiQL knows no put: an item that is not there is inserted, one that
 * is there is updated where its sequence is not higher, each attribute set or removed, so that what is left is exactly the item. One that is
 * there and has no sequence is neither: both guesses are wrong, and it is put alone (item-writer.ts).
 */
import type { BatchStatementError, BatchStatementRequest } from '@aws-sdk/client-dynamodb'
import { asSdkError } from './errors.js'
import { itemAttributes, type StoredItem, storedSequence } from './item-format.js'

/** What is thought to be stored under the key. */
export type Guess = 'absent' | 'present'

/** DynamoDB's limit on the statements of one BatchExecuteStatement. */
export const statementsMax = 25

export function toStatement(table: string, item: StoredItem, guess: Guess): BatchStatementRequest {
  return guess === 'absent' ? insertOf(table, item) : updateOf(table, item)
}

function insertOf(table: string, item: StoredItem): BatchStatementRequest {
  const names = Object.keys(item)
  const values = names.map((name) => `'${name}':?`).join(',')
  return { Statement: `INSERT INTO "${table}" VALUE {${values}}`, Parameters: Object.values(item) }
}

function updateOf(table: string, item: StoredItem): BatchStatementRequest {
  const given = [...itemAttributes, 'held'].filter((name) => item[name] !== undefined)
  const gone = itemAttributes.filter((name) => item[name] === undefined)
  const set = given.map((name) => ` SET "${name}"=?`).join('')
  const remove = gone.map((name) => ` REMOVE "${name}"`).join('')
  return {
    Statement: `UPDATE "${table}"${set}${remove} WHERE "pk"=? AND "seq"<=?`,
    Parameters: [...given.map((name) => item[name]!), item.pk!, item.seq!],
    // With it, an item that is not there and one that is newer are told apart.
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  }
}

export type StatementOutcome =
  | { readonly kind: 'written' }
  | { readonly kind: 'refused' }
  /** The guess was wrong; nothing has been decided. */
  | { readonly kind: 'wrong-guess' }
  | { readonly kind: 'failed'; readonly error: Error }

/** @param error the statement's own, inside an answer that as a whole is a success */
export function readOutcome(item: StoredItem, error: BatchStatementError | undefined): StatementOutcome {
  if (error === undefined) return { kind: 'written' }
  if (error.Code === 'DuplicateItem') return { kind: 'wrong-guess' }
  if (error.Code === 'ConditionalCheckFailed') {
    const stored = error.Item === undefined ? null : storedSequence(error.Item)
    const isNewer = stored !== null && stored > BigInt(item.seq!.N!)
    return { kind: isNewer ? 'refused' : 'wrong-guess' }
  }
  return { kind: 'failed', error: asSdkError(error.Code ?? 'InternalServerError', error.Message ?? '') }
}
