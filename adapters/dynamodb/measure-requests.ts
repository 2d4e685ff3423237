/** Each request to DynamoDB as metrics and as spend: by its answer, not by who asked, so that every path through the store is counted. */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { withoutHarm } from '../../core/measure/index.js'
import type { SpendMeter } from '../../core/ports/spend-meter.js'
import { noTelemetry, type Telemetry } from '../../core/ports/telemetry.js'
import { consumedBy, isCounted, isWrite, type MeasuredInput, type MeasuredOutput } from './consumed-units.js'

const throttle = /ProvisionedThroughputExceeded|Throttl|RequestLimitExceeded/

export interface RequestMeters {
  readonly telemetry?: Telemetry
  readonly spending?: SpendMeter
}

export function measureRequests(client: DynamoDBClient, { telemetry = noTelemetry, spending }: RequestMeters): void {
  client.middlewareStack.add(
    (next, { commandName = '' }) =>
      async (args) => {
        const operation = commandName.replace(/Command$/, '')
        const input = args.input as MeasuredInput
        const table = tableOf(input)
        if (isWrite(operation) || (spending && isCounted(operation))) input.ReturnConsumedCapacity ??= 'TOTAL'
        const told = (output: MeasuredOutput): void => {
          telemetry.count('millcourse_online_requests_total', { operation, outcome: 'ok' })
          const leftOver = countLeftOver(output)
          if (leftOver > 0) telemetry.count('millcourse_online_throttles_total', { table, operation }, leftOver)
          const { capacities, spent } = consumedBy(operation, input, output)
          spending?.add(spent)
          if (isWrite(operation))
            for (const { TableName = table, WriteCapacityUnits, CapacityUnits = 0 } of capacities)
              telemetry.count(
                'millcourse_online_write_units_total',
                { table: TableName },
                WriteCapacityUnits ?? CapacityUnits,
              )
        }
        const refused = ({ name = 'Error' }: Error): void => {
          telemetry.count('millcourse_online_requests_total', { operation, outcome: name })
          if (throttle.test(name)) telemetry.count('millcourse_online_throttles_total', { table, operation })
          if (name === 'ConditionalCheckFailedException') spending?.add(consumedBy(operation, input, null).spent)
        }
        try {
          const result = await next(args)
          withoutHarm(() => told(result.output as MeasuredOutput))
          return result
        } catch (error) {
          withoutHarm(() => refused(error as Error))
          throw error
        }
      },
    { step: 'initialize', name: 'measureRequests' },
  )
}

function tableOf({ TableName, RequestItems, Statement, Statements }: MeasuredInput): string {
  const statement = Statement ?? Statements?.[0]?.Statement ?? ''
  return TableName ?? Object.keys(RequestItems ?? {})[0] ?? /"([^"]+)"/.exec(statement)?.[1] ?? ''
}

/** A batch answers 200 and leaves over what it had no capacity for; its statements fail one by one. */
function countLeftOver({ UnprocessedItems, UnprocessedKeys, Responses }: MeasuredOutput): number {
  const items = Object.values(UnprocessedItems ?? {}).reduce((sum, left) => sum + left.length, 0)
  const keys = Object.values(UnprocessedKeys ?? {}).reduce((sum, left) => sum + (left.Keys?.length ?? 0), 0)
  const statements = Array.isArray(Responses)
    ? Responses.filter(({ Error: error }) => throttle.test(error?.Code ?? '')).length
    : 0
  return items + keys + statements
}
