/** Answers that are a success as a whole and not for each part: what a busy DynamoDB says of single statements and keys. */

export interface BatchFault {
  /** Of a BatchExecuteStatement: the error of the statement with this number, which is then not done; null: it is done. */
  readonly statement?: (index: number) => StatementFault | null
  /** Of a BatchGetItem: whether the key with this number is left unread. */
  readonly isUnread?: (index: number) => boolean
  /** Of a BatchWriteItem: whether the write with this number is left over. */
  readonly isLeftOver?: (index: number) => boolean
}

const messages = {
  ProvisionedThroughputExceeded: 'The level of configured provisioned throughput for the table was exceeded.',
  ThrottlingError: 'Throughput exceeds the current capacity of your table or index.',
  RequestLimitExceeded: 'Throughput exceeds the current throughput limit for your account.',
  InternalServerError: 'Internal server error',
  TransactionConflict: 'Transaction is ongoing for the item',
  ConditionalCheckFailed: 'The conditional request failed',
  DuplicateItem: 'Duplicate primary key exists in table',
  ValidationError: 'Item size has exceeded the maximum allowed size',
  AccessDenied: 'User is not authorized to perform: dynamodb:PartiQLUpdate',
} as const

export type StatementFault = keyof typeof messages

interface Part {
  readonly body: Buffer
  /** The endpoint's answer to that body as one to the whole request. */
  complete(answer: Buffer): Buffer
}

/** The request without what is to fail. */
export function withoutSome(operation: string, body: Buffer, fault: BatchFault): Part {
  if (operation === 'BatchExecuteStatement' && fault.statement) return withoutStatements(body, fault.statement)
  if (operation === 'BatchGetItem' && fault.isUnread) return withoutKeys(body, fault.isUnread)
  if (operation === 'BatchWriteItem' && fault.isLeftOver) return withoutWrites(body, fault.isLeftOver)
  return { body, complete: (answer) => answer }
}

function withoutWrites(body: Buffer, isLeftOver: NonNullable<BatchFault['isLeftOver']>): Part {
  const request = JSON.parse(body.toString()) as { RequestItems: Record<string, unknown[]> }
  const [[table, writes] = ['', []]] = Object.entries(request.RequestItems)
  const isLeft = writes.map((_, index) => isLeftOver(index))
  const left = writes.filter((_, index) => isLeft[index])
  // A batch of nothing is refused by the endpoint: one is done, and said to be left over.
  const done = left.length === writes.length ? writes.slice(0, 1) : writes.filter((_, index) => !isLeft[index])
  return {
    body: Buffer.from(JSON.stringify({ ...request, RequestItems: { [table]: done } })),
    complete: (answer) => {
      const said = JSON.parse(answer.toString()) as object
      const UnprocessedItems = left.length === 0 ? {} : { [table]: left }
      return Buffer.from(JSON.stringify({ ...said, UnprocessedItems }))
    },
  }
}

function withoutStatements(body: Buffer, faultOf: NonNullable<BatchFault['statement']>): Part {
  const request = JSON.parse(body.toString()) as { Statements: unknown[] }
  const faults = request.Statements.map((_, index) => faultOf(index))
  const Statements = request.Statements.filter((_, index) => faults[index] === null)
  // A batch of nothing is refused by the endpoint: one statement is done, and said to have failed.
  if (Statements.length === 0) Statements.push(request.Statements[0])
  return {
    body: Buffer.from(JSON.stringify({ ...request, Statements })),
    complete: (answer) => {
      const { Responses } = JSON.parse(answer.toString()) as { Responses: unknown[] }
      let done = 0
      const completed = faults.map((Code) =>
        Code === null ? Responses[done++] : { Error: { Code, Message: messages[Code] } },
      )
      return Buffer.from(JSON.stringify({ Responses: completed }))
    },
  }
}

function withoutKeys(body: Buffer, isUnread: NonNullable<BatchFault['isUnread']>): Part {
  const request = JSON.parse(body.toString()) as { RequestItems: Record<string, { Keys: unknown[] }> }
  const [[table, asked] = ['', { Keys: [] }]] = Object.entries(request.RequestItems)
  const unread = asked.Keys.filter((_, index) => isUnread(index))
  const Keys = asked.Keys.filter((_, index) => !isUnread(index))
  if (Keys.length === 0 || unread.length === 0) return { body, complete: (answer) => answer }
  return {
    body: Buffer.from(JSON.stringify({ RequestItems: { [table]: { ...asked, Keys } } })),
    complete: (answer) =>
      Buffer.from(
        JSON.stringify({
          ...(JSON.parse(answer.toString()) as object),
          UnprocessedKeys: { [table]: { ...asked, Keys: unread } },
        }),
      ),
  }
}
