/**
 * What a request has consumed: as the answer says, where it was asked to, and else (dynalite says nothing of some requests, an
 * error of a condition never does) estimated by DynamoDB's own rule: begun KiB of an item written, begun 4 KiB of one read, a half of it
 * where the read need not be consistent.
 */
import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import type { Spend } from '../../core/measure/index.js'

type Item = Readonly<Record<string, AttributeValue>>

/** The fields of requests that say what is written or read. */
export interface MeasuredInput {
  readonly TableName?: string
  readonly Item?: Item
  readonly Key?: Item
  readonly ConsistentRead?: boolean
  /** Of a batch that writes a list, of one that reads its keys. */
  readonly RequestItems?: Readonly<Record<string, unknown>>
  readonly Statement?: string
  readonly Parameters?: readonly AttributeValue[]
  readonly Statements?: readonly { readonly Statement?: string; readonly Parameters?: readonly AttributeValue[] }[]
  ReturnConsumedCapacity?: string
}

interface Capacity {
  readonly TableName?: string
  readonly CapacityUnits?: number
  readonly ReadCapacityUnits?: number
  readonly WriteCapacityUnits?: number
}

export interface MeasuredOutput {
  readonly ConsumedCapacity?: Capacity | readonly Capacity[]
  readonly UnprocessedItems?: Readonly<Record<string, readonly unknown[]>>
  readonly UnprocessedKeys?: Readonly<Record<string, { readonly Keys?: readonly unknown[] }>>
  readonly Item?: Item
  readonly Items?: readonly Item[]
  readonly Responses?: readonly { readonly Error?: { readonly Code?: string } }[] | object
}

export interface Consumed {
  /** By table, as far as the answer says. */
  readonly capacities: readonly Capacity[]
  readonly spent: Partial<Spend>
}

const writes: ReadonlySet<string> = new Set([
  ...['PutItem', 'UpdateItem', 'DeleteItem', 'BatchWriteItem', 'TransactWriteItems'],
  ...['ExecuteStatement', 'BatchExecuteStatement'],
])
const reads: ReadonlySet<string> = new Set(['GetItem', 'BatchGetItem', 'Query', 'Scan'])

/** The requests that say what they consumed when asked to. */
export function isCounted(operation: string): boolean {
  return writes.has(operation) || reads.has(operation)
}

export function isWrite(operation: string): boolean {
  return writes.has(operation)
}

/** @param output null: it was refused for a condition, which costs as if it had been written */
export function consumedBy(operation: string, input: MeasuredInput, output: MeasuredOutput | null): Consumed {
  if (!isCounted(operation)) return { capacities: [], spent: {} }
  const capacities = listed(output?.ConsumedCapacity)
  const isTold = capacities.length > 0
  if (writes.has(operation)) {
    const told = capacities.reduce((sum, one) => sum + (one.WriteCapacityUnits ?? one.CapacityUnits ?? 0), 0)
    const units = isTold ? told : writtenUnits(input, output)
    return { capacities, spent: { writeUnits: units, ...(isTold ? {} : { estimatedUnits: units }) } }
  }
  const told = capacities.reduce((sum, one) => sum + (one.ReadCapacityUnits ?? one.CapacityUnits ?? 0), 0)
  const units = isTold ? told : readUnits(operation, input, output)
  return { capacities, spent: { readUnits: units, ...(isTold ? {} : { estimatedUnits: units }) } }
}

function listed(consumed: MeasuredOutput['ConsumedCapacity']): readonly Capacity[] {
  if (!consumed) return []
  return Array.isArray(consumed) ? consumed : [consumed as Capacity]
}

/** What was left over has not been written. */
function writtenUnits(input: MeasuredInput, output: MeasuredOutput | null): number {
  if (input.Item) return kib(itemBytes(input.Item), 1)
  const statements = input.Statements ?? (input.Statement === undefined ? [] : [input])
  if (statements.length > 0) return statements.reduce((sum, { Parameters }) => sum + kib(valuesBytes(Parameters), 1), 0)
  const left = Object.values(output?.UnprocessedItems ?? {}).reduce((sum, list) => sum + list.length, 0)
  const sizes = Object.values(input.RequestItems ?? {})
    .flatMap((list) => list as readonly { readonly PutRequest?: { readonly Item?: Item } }[])
    .map(({ PutRequest }) => kib(itemBytes(PutRequest?.Item ?? {}), 1))
  const all = sizes.reduce((sum, one) => sum + one, 0)
  return sizes.length === 0 ? 1 : all * (1 - left / sizes.length)
}

/** A key that is not there costs a unit, too; a page of a scan is rounded as a whole. */
function readUnits(operation: string, input: MeasuredInput, output: MeasuredOutput | null): number {
  if (output === null) return 0
  if (operation === 'BatchGetItem') {
    const asked = Object.values(input.RequestItems ?? {}) as { Keys?: readonly unknown[]; ConsistentRead?: boolean }[]
    const left = Object.values(output.UnprocessedKeys ?? {}).reduce((sum, { Keys }) => sum + (Keys?.length ?? 0), 0)
    const keys = asked.reduce((sum, { Keys }) => sum + (Keys?.length ?? 0), 0) - left
    const found = Object.values((output.Responses ?? {}) as Readonly<Record<string, readonly Item[]>>).flat()
    const units = found.reduce((sum, item) => sum + kib(itemBytes(item), 4), 0) + Math.max(0, keys - found.length)
    return units * shareOf(asked.some(({ ConsistentRead }) => ConsistentRead === true))
  }
  const items = output.Items ?? (output.Item ? [output.Item] : [])
  const bytes = items.reduce((sum, item) => sum + itemBytes(item), 0)
  return kib(bytes, 4) * shareOf(input.ConsistentRead === true)
}

const shareOf = (isConsistent: boolean): number => (isConsistent ? 1 : 0.5)

function kib(bytes: number, per: number): number {
  return Math.max(1, Math.ceil(bytes / (per * 1_024)))
}

function itemBytes(item: Item): number {
  return Object.entries(item).reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + valueBytes(value), 0)
}

function valuesBytes(values: readonly AttributeValue[] | undefined): number {
  return (values ?? []).reduce((sum, value) => sum + valueBytes(value), 0)
}

/** As DynamoDB's guide has it: two digits of a number take a byte, and one more. Other kinds than these are never stored by us. */
function valueBytes(value: AttributeValue): number {
  if (value.S !== undefined) return Buffer.byteLength(value.S)
  if (value.B !== undefined) return value.B.length
  return value.N === undefined ? 1 : Math.ceil(value.N.length / 2) + 1
}
