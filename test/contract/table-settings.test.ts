import {
  CreateTableCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  DynamoDBClient,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { DynamoDbOnlineStore } from '../../adapters/dynamodb/dynamodb-online-store.js'
import { stackChecks } from '../../cli/doctor/check-stack.js'
import { MillcourseError } from '../../core/errors.js'
import { type Fault, type FaultProxy, startFaultProxy } from '../../drill/faults/fault-proxy.js'
import { commandContext } from '../support/command-context.js'
import { localCredentials } from '../support/dynalite.js'
import { type DynamoDbLocal, startDynamoDbLocal } from '../support/dynamodb-local.js'

const keyArn = 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab'

let server: DynamoDbLocal
let client: DynamoDBClient
/** In front of DynamoDB Local, with what that does not know and DynamoDB does: recovery, encryption, tags. */
let aws: FaultProxy
/** What was asked for, by operation. */
let asked: Map<string, Record<string, unknown>[]>
let recovering: Set<unknown>
let refused: readonly string[] = []

beforeAll(async () => {
  server = await startDynamoDbLocal()
  aws = await startFaultProxy(server.endpoint)
  client = new DynamoDBClient({ endpoint: server.endpoint, region: 'us-east-1', credentials: localCredentials })
})
afterAll(async () => {
  client?.destroy()
  await aws?.stop()
  await server?.stop()
})

const expiryOf = async (table: string) =>
  (await client.send(new DescribeTimeToLiveCommand({ TableName: table }))).TimeToLiveDescription
/** As a maker leaves it that dies right after its first request. */
const makeBare = (table: string) =>
  client.send(
    new CreateTableCommand({
      TableName: table,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'B' }],
      KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
    }),
  )

const stores: DynamoDbOnlineStore[] = []
function newStore(endpoint: string, kmsKey: string | null = null): DynamoDbOnlineStore {
  const store = new DynamoDbOnlineStore({ endpoint, credentials: localCredentials, kmsKey, patienceMs: 1_000 })
  stores.push(store)
  return store
}
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close()
})

/** A store of a process that has just started, on an endpoint as DynamoDB is. */
function onAws(kmsKey: string | null = null, table: object = {}): DynamoDbOnlineStore {
  asked = new Map()
  recovering = new Set()
  refused = []
  aws.choose = (operation, _, body): Fault => {
    asked.set(operation, [...(asked.get(operation) ?? []), body])
    if (refused.includes(operation)) return 'denied'
    if (operation === 'UpdateContinuousBackups') recovering.add(body.TableName)
    if (operation.endsWith('ContinuousBackups')) {
      const PointInTimeRecoveryStatus = recovering.has(body.TableName) ? 'ENABLED' : 'DISABLED'
      const PointInTimeRecoveryDescription = { PointInTimeRecoveryStatus }
      return { says: () => ({ ContinuousBackupsDescription: { PointInTimeRecoveryDescription } }) }
    }
    if (operation !== 'DescribeTable') return 'none'
    // Of a table that is not there, too, the refusal comes with 200: the adapter looks for the table in it.
    return { says: ({ Table, ...error }) => (Table ? { Table: { ...Table, ...table } } : error) }
  }
  return newStore(aws.endpoint, kmsKey)
}

test('a new table is on demand and lets old items expire, by the endpoint’s own word', async () => {
  await newStore(server.endpoint).ensureTable('made')
  const { Table } = await client.send(new DescribeTableCommand({ TableName: 'made' }))
  expect(Table?.BillingModeSummary?.BillingMode).toBe('PAY_PER_REQUEST')
  expect(await expiryOf('made')).toMatchObject({ TimeToLiveStatus: 'ENABLED', AttributeName: 'expires_at' })
})

test.each(['ensureTable', 'createTable'] as const)(
  'a new table (%s) is asked for with tags and the customer’s key, then given expiry and recovery',
  async (make) => {
    const store = onAws(keyArn)
    const table = `asked-for-${make}`
    const made = await store[make](table, { 'millcourse:view': 'v', pii: 'true', odd: '<a> & "b"' })
    expect(made).toMatchObject({ warnings: [] })
    expect(await expiryOf(table)).toMatchObject({ TimeToLiveStatus: 'ENABLED' })
    expect(asked.get('CreateTable')).toEqual([
      expect.objectContaining({
        BillingMode: 'PAY_PER_REQUEST',
        SSESpecification: { Enabled: true, SSEType: 'KMS', KMSMasterKeyId: keyArn },
        Tags: [
          { Key: 'millcourse:view', Value: 'v' },
          { Key: 'pii', Value: 'true' },
          { Key: 'odd', Value: '_a_ _ _b_' },
        ],
      }),
    ])
    expect(asked.get('UpdateContinuousBackups')).toEqual([
      { TableName: table, PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true } },
    ])
  },
)

test('without a key and tags of its own, none are asked for', async () => {
  const store = onAws()
  await store.ensureTable('plain')
  expect(Object.keys(asked.get('CreateTable')![0]!)).not.toContain('SSESpecification')
  expect(Object.keys(asked.get('CreateTable')![0]!)).not.toContain('Tags')
})

test('a table whose maker died before its settings gets them from the next process, once', async () => {
  await makeBare('orphan')
  const store = onAws()
  expect((await store.ensureTable('orphan')).warnings).toEqual([])
  expect(await expiryOf('orphan')).toMatchObject({ TimeToLiveStatus: 'ENABLED' })
  expect(recovering).toEqual(new Set(['orphan']))
  await store.ensureTable('orphan')
  for (const operation of ['DescribeTimeToLive', 'DescribeContinuousBackups', 'UpdateContinuousBackups'])
    expect(asked.get(operation), operation).toHaveLength(1)
  // Made again under its name, it is another table.
  await store.dropTable('orphan')
  await makeBare('orphan')
  await store.ensureTable('orphan')
  expect(await expiryOf('orphan')).toMatchObject({ TimeToLiveStatus: 'ENABLED' })
})

test('what a table has already is not sent again by another process', async () => {
  await makeBare('settled')
  await onAws().ensureTable('settled')
  const before = recovering
  const next = onAws()
  recovering = before
  expect((await next.ensureTable('settled')).warnings).toEqual([])
  expect([...asked.keys()].filter((operation) => operation.startsWith('Update'))).toEqual([])
})

test('a denial is told once, a throttle is tried again at the next publish', async () => {
  await makeBare('denied')
  const store = onAws()
  refused = ['DescribeTimeToLive', 'UpdateContinuousBackups']
  const { warnings } = await store.ensureTable('denied')
  expect(warnings).toEqual([
    'online table denied may have no expiry of old items: grant dynamodb:DescribeTimeToLive and dynamodb:UpdateTimeToLive, or set it by hand',
    'online table denied may have no point-in-time recovery: grant dynamodb:DescribeContinuousBackups and dynamodb:UpdateContinuousBackups, or set it by hand',
  ])
  expect((await store.ensureTable('denied')).warnings).toEqual([])

  const busy = onAws()
  const asAws = aws.choose
  aws.choose = (operation, ...rest) => (operation === 'UpdateTimeToLive' ? 'throttling' : asAws(operation, ...rest))
  expect((await busy.ensureTable('denied')).warnings.join()).toContain('throttled')
  aws.choose = asAws
  expect((await busy.ensureTable('denied')).warnings).toEqual([])
  expect(await expiryOf('denied')).toMatchObject({ TimeToLiveStatus: 'ENABLED' })
})

test('expiry by another attribute is told, and left for a person to end', async () => {
  await makeBare('other-expiry')
  const TimeToLiveSpecification = { AttributeName: 'at', Enabled: true }
  await client.send(new UpdateTimeToLiveCommand({ TableName: 'other-expiry', TimeToLiveSpecification }))
  const store = onAws()
  expect((await store.ensureTable('other-expiry')).warnings.join()).toContain('active on a different AttributeName')
  expect(await store.settingDifferences('other-expiry')).toEqual([{ setting: 'expiry', found: 'by at' }])
})

test('what differs is told: of a table as made nothing, of another each setting', async () => {
  const store = onAws()
  await store.ensureTable('looked-at')
  expect(await store.settingDifferences('looked-at')).toEqual([])
  expect(await store.settingDifferences('none')).toBeNull()

  await makeBare('odd')
  const provisioned = onAws(keyArn, { BillingModeSummary: undefined })
  expect(await provisioned.settingDifferences('odd')).toEqual([
    { setting: 'expiry', found: 'off' },
    { setting: 'recovery', found: 'off' },
    { setting: 'billing', found: 'provisioned' },
    { setting: 'encryption', found: 'a key that AWS owns' },
  ])
  // Looking changes nothing.
  expect([...asked.keys()].filter((operation) => operation.startsWith('Update'))).toEqual([])
})

describe('`doctor`', () => {
  const unknown = '; whether each is in use, only the ledger knows'
  const look = async (store: DynamoDbOnlineStore, part: string) => {
    // Whose a table is, is online-tables.contract.test.ts; here the ledger is away.
    const away = () => Promise.reject(new MillcourseError('LEDGER_UNREACHABLE', 'away'))
    const ports = { online: async () => store, ledger: away, registry: away }
    const context = { ...commandContext(ports as never), project: 'seen' }
    return await stackChecks(context)
      .find((check) => check.part === part)!
      .look()
  }

  test('asks for a table of the project’s prefix, which roles are let in by', async () => {
    expect(await look(onAws(), 'DynamoDB')).toBe('answers')
    expect(asked.get('DescribeTable')).toEqual([{ TableName: 'millcourse.seen.doctor.v0' }])
  })

  test('names the project’s tables that differ and how, and what to do; no other project’s', async () => {
    expect(await look(onAws(), 'online tables')).toMatchObject({ state: 'absent', advice: null })
    await makeBare('millcourse.seen.bare.v1')
    await makeBare('millcourse.seen2.bare.v1')
    const store = onAws()
    await store.ensureTable('millcourse.seen.good.v1')
    expect(await look(store, 'online tables')).toEqual({
      state: 'wrong',
      found: `2 tables; millcourse.seen.bare.v1: expiry off, point-in-time recovery off${unknown}`,
      advice: 'a worker sets expiry and recovery with its first publish; else its log says what to grant',
    })
    await store.ensureTable('millcourse.seen.bare.v1')
    expect(await look(store, 'online tables')).toMatchObject({
      state: 'ok',
      found: `2 tables, as they are made${unknown}`,
    })
    // What a person may have chosen is told, and nothing is wrong with it.
    const recovered = recovering
    const changed = onAws(keyArn, { BillingModeSummary: undefined })
    recovering = recovered
    expect(await look(changed, 'online tables')).toMatchObject({
      state: 'ok',
      found:
        '2 tables; millcourse.seen.bare.v1: billing provisioned, encrypted with a key that AWS owns; ' +
        `millcourse.seen.good.v1: billing provisioned, encrypted with a key that AWS owns${unknown}`,
    })
  })
})

test.each([
  [keyArn, true],
  ['1234abcd-12ab', true],
  ['alias/online', true],
  ['arn:aws:kms:us-east-1:111122223333:alias/online', true],
  ['arn:aws:kms:us-east-1:111122223333:key/other', false],
  ['12ab', false],
])('a table under the customer’s key, looked at with the key given as %s: same: %s', async (given, isSame) => {
  await newStore(server.endpoint).ensureTable('under-key')
  const store = onAws(given, { SSEDescription: { Status: 'ENABLED', SSEType: 'KMS', KMSMasterKeyArn: keyArn } })
  const found = await store.settingDifferences('under-key')
  expect(found?.filter(({ setting }) => setting === 'encryption').length).toBe(isSame ? 0 : 1)
})

test('an endpoint that cannot be given the settings differs in none', async () => {
  await makeBare('local')
  expect(await newStore(server.endpoint).settingDifferences('local')).toEqual([])
})
