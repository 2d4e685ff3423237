/** Each request to DynamoDB as metrics: by its answer, not by who asked, so that every path through the store is counted. */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { Telemetry } from '../../core/ports/telemetry.js'

/** The requests that say what they consumed when asked to. */
const writes: ReadonlySet<string> = new Set([
  ...['PutItem', 'UpdateItem', 'DeleteItem', 'BatchWriteItem', 'TransactWriteItems'],
  ...['ExecuteStatement', 'BatchExecuteStatement'],
])
const throttle = /ProvisionedThroughputExceeded|Throttl|RequestLimitExceeded/

interface Input {
  readonly TableName?: string
  readonly RequestItems?: Readonly<Record<string, unknown>>
  readonly Statement?: string
  readonly Statements?: readonly { readonly Statement?: string }[]
  ReturnConsumedCapacity?: string
}

interface Capacity {
  readonly TableName?: string
  readonly CapacityUnits?: number
  readonly WriteCapacityUnits?: number
}

interface Output {
  readonly ConsumedCapacity?: Capacity | readonly Capacity[]
  readonly UnprocessedItems?: Readonly<Record<string, readonly unknown[]>>
  readonly UnprocessedKeys?: Readonly<Record<string, { readonly Keys?: readonly unknown[] }>>
  readonly Responses?: readonly { readonly Error?: { readonly Code?: string } }[] | object
}

export function measureRequests(client: DynamoDBClient, telemetry: Telemetry): void {
  client.middlewareStack.add(
    (next, { commandName = '' }) =>
      async (args) => {
        const operation = commandName.replace(/Command$/, '')
        const input = args.input as Input
        const table = tableOf(input)
        if (writes.has(operation)) input.ReturnConsumedCapacity ??= 'TOTAL'
        try {
          const result = await next(args)
          telemetry.count('millcourse_online_requests_total', { operation, outcome: 'ok' })
          const output = result.output as Output
          const leftOver = countLeftOver(output)
          if (leftOver > 0) telemetry.count('millcourse_online_throttles_total', { table, operation }, leftOver)
          for (const { TableName = table, WriteCapacityUnits, CapacityUnits = 0 } of capacities(operation, output))
            telemetry.count(
              'millcourse_online_write_units_total',
              { table: TableName },
              WriteCapacityUnits ?? CapacityUnits,
            )
          return result
        } catch (error) {
          const { name = 'Error' } = error as Error
          telemetry.count('millcourse_online_requests_total', { operation, outcome: name })
          if (throttle.test(name)) telemetry.count('millcourse_online_throttles_total', { table, operation })
          throw error
        }
      },
    { step: 'initialize', name: 'measureRequests' },
  )
}

function tableOf({ TableName, RequestItems, Statement, Statements }: Input): string {
  const statement = Statement ?? Statements?.[0]?.Statement ?? ''
  return TableName ?? Object.keys(RequestItems ?? {})[0] ?? /"([^"]+)"/.exec(statement)?.[1] ?? ''
}

function capacities(operation: string, { ConsumedCapacity: consumed }: Output): readonly Capacity[] {
  if (!writes.has(operation) || !consumed) return []
  return Array.isArray(consumed) ? consumed : [consumed as Capacity]
}

/** A batch answers 200 and leaves over what it had no capacity for; its statements fail one by one. */
function countLeftOver({ UnprocessedItems, UnprocessedKeys, Responses }: Output): number {
  const items = Object.values(UnprocessedItems ?? {}).reduce((sum, left) => sum + left.length, 0)
  const keys = Object.values(UnprocessedKeys ?? {}).reduce((sum, left) => sum + (left.Keys?.length ?? 0), 0)
  const statements = Array.isArray(Responses)
    ? Responses.filter(({ Error: error }) => throttle.test(error?.Code ?? '')).length
    : 0
  return items + keys + statements
}
