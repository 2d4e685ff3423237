/** A version's first load: without conditions, so in a table that nobody else writes, and finished only when nothing of it can still land. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DynamoDbOnlineStore } from '../../adapters/dynamodb/dynamodb-online-store.js'
import type { LedgerWriter } from '../../core/ports/ledger.js'
import type { OnlineStore } from '../../core/ports/online-store.js'
import { onlineTableName } from '../../core/publish/index.js'
import { type Fault, type FaultProxy, startFaultProxy } from '../../drill/faults/fault-proxy.js'
import { localCredentials } from '../support/dynalite.js'
import { type Bundle, Crash, counts, crashingAfter, lookupBundle, row } from '../support/publish-fixtures.js'
import { type PublishRig, startPublishRig, tableOf } from '../support/publish-rig.js'

describe('a first load', () => {
  let rig: PublishRig
  let proxy: FaultProxy
  let faulty: OnlineStore
  beforeAll(async () => {
    rig = await startPublishRig()
    proxy = await startFaultProxy(rig.onlineEndpoint)
    const patience = { patienceMs: 60_000, requestTimeoutMs: 3_000, concurrency: 2 }
    faulty = new DynamoDbOnlineStore({ endpoint: proxy.endpoint, credentials: localCredentials, ...patience })
  })
  afterAll(async () => {
    await faulty?.close()
    await proxy?.stop()
    await rig?.stop()
  })

  const rowsOf = (bundle: Bundle, delay: number) =>
    Array.from({ length: 40 }, (_, index) => row(bundle, index, `A${index}`, delay))
  const plainOf = ({ view }: Bundle) => onlineTableName(rig.deps.settings.project, view.name, view.version)
  const tablesOf = async (bundle: Bundle) =>
    (await rig.deps.online.listTables()).filter((table) => table.startsWith(plainOf(bundle))).sort()
  const delaysOf = async (bundle: Bundle) =>
    new Set([...(await rig.online(bundle)).values()].map((values) => values?.delay))
  /** The writes of first loads that pass, and what becomes of the others. */
  const loseFrom = (first: number, fault: Fault, times = Number.POSITIVE_INFINITY) => {
    let writes = 0
    proxy.choose = (operation) =>
      operation === 'BatchWriteItem' && ++writes >= first && writes < first + times ? fault : 'none'
  }

  test('R36: goes into a table of its own, which the ledger names once it is finished; later publishes go there under conditions', async () => {
    const bundle = lookupBundle()
    await rig.commit(bundle, 0, rowsOf(bundle, 1))
    const calls: string[] = []
    const watched = new Proxy(rig.deps.online, {
      get(target, name) {
        const method = Reflect.get(target, name) as (...args: unknown[]) => unknown
        return (...args: unknown[]) => {
          calls.push(`${String(name)} ${String(args[0])}`)
          return method.apply(target, args)
        }
      },
    })
    const worker = rig.worker({ online: watched })
    const plain = plainOf(bundle)
    expect(await rig.publish(bundle, {}, worker)).toMatchObject({ keyCounts: counts(40, 40), itemsWritten: 40 })
    expect(new Set(calls)).toEqual(
      new Set(['describeTable', 'createTable', 'loadItems', 'putEnd'].map((name) => `${name} ${plain}.s1`)),
    )
    expect(await tableOf(rig.deps, bundle)).toBe(`${plain}.s1`)
    expect(await delaysOf(bundle)).toEqual(new Set([1]))
    calls.length = 0
    await rig.commit(bundle, 1, [row(bundle, 61, 'A7', 2)])
    // What is online is known without reading it.
    expect(await rig.publish(bundle, {}, worker)).toMatchObject({ keyCounts: counts(1, 1), itemsWritten: 1 })
    expect(new Set(calls)).toEqual(new Set(['ensureTable', 'putItems', 'putEnd'].map((name) => `${name} ${plain}.s1`)))
    expect(await tablesOf(bundle)).toEqual([`${plain}.s1`])
  })

  test('R36: one that died is not continued, not by its own workflow either: another table, and its own is dropped', async () => {
    const bundle = lookupBundle()
    await rig.commit(bundle, 0, rowsOf(bundle, 1))
    const silent = { ...rig.deps.ledger, releaseLease: async () => {} }
    const dying = rig.worker({ online: crashingAfter(rig.deps.online, 25), ledger: silent })
    await expect(rig.publish(bundle, { workflowRunId: 'wf' }, dying)).rejects.toThrow(Crash)
    expect(await rig.publish(bundle, { workflowRunId: 'wf', attempt: 2 })).toMatchObject({ itemsWritten: 40 })
    expect(await tableOf(rig.deps, bundle)).toBe(`${plainOf(bundle)}.s2`)
    await expect.poll(() => tablesOf(bundle)).toEqual([`${plainOf(bundle)}.s2`])
    expect((await rig.online(bundle)).size).toBe(40)
  })

  test.each([true, false])(
    'R36: a zombie’s batches arrive where nobody reads (its table is dropped before: %s)',
    async (isDropped) => {
      const bundle = lookupBundle()
      await rig.commit(bundle, 0, rowsOf(bundle, 1))
      let wake = () => {}
      const woken = new Promise<void>((resolve) => {
        wake = resolve
      })
      let stopped = () => {}
      const isStopped = new Promise<void>((resolve) => {
        stopped = resolve
      })
      let parts = 0
      const sleeping = new Proxy(rig.deps.online, {
        get(target, name) {
          if (name !== 'loadItems') return Reflect.get(target, name).bind(target)
          return async (...[table, batch]: Parameters<OnlineStore['loadItems']>) => {
            if (++parts === 2) {
              stopped()
              await woken
            }
            // Whatever it thinks of its lease: its table alone has to keep it away.
            return await target.loadItems(table, batch)
          }
        },
      })
      const settings = { ...rig.deps.settings, leaseMs: 300 }
      let isAwake = false
      const renewLease: LedgerWriter['renewLease'] = async (...given) =>
        isAwake ? await rig.deps.ledger.renewLease(...given) : 'ok'
      const ledger = { ...rig.deps.ledger, renewLease }
      const zombie = rig.publish(bundle, {}, rig.worker({ online: sleeping, settings, ledger }))
      const ended = zombie.catch((error: unknown) => error)
      await isStopped
      const keeping = new Proxy(rig.deps.online, {
        get: (target, name) =>
          name === 'dropTable' ? () => Promise.reject(new Error('not now')) : Reflect.get(target, name).bind(target),
      })
      await rig.commit(bundle, 0, rowsOf(bundle, 2))
      expect(await rig.publish(bundle, {}, isDropped ? rig.deps : rig.worker({ online: keeping }))).toMatchObject({
        itemsWritten: 40,
      })
      isAwake = true
      wake()
      expect(await ended).toEqual({ kind: 'overtaken' })
      expect(await delaysOf(bundle)).toEqual(new Set([2]))
      expect(await tableOf(rig.deps, bundle)).toBe(`${plainOf(bundle)}.s2`)
      // It took its own table with it, as the finished one could not.
      await expect.poll(() => tablesOf(bundle)).toEqual([`${plainOf(bundle)}.s2`])
    },
  )

  test('R36: one whose write was never answered is begun again; the write lands after later publishes and changes nothing', async () => {
    const bundle = lookupBundle()
    await rig.commit(bundle, 0, rowsOf(bundle, 1))
    loseFrom(2, 'hold', 1)
    const worker = rig.worker({ online: faulty })
    expect(await rig.publish(bundle, {}, worker)).toMatchObject({ kind: 'finished', itemsWritten: 40 })
    expect(await tableOf(rig.deps, bundle)).toBe(`${plainOf(bundle)}.s2`)
    await rig.commit(bundle, 0, rowsOf(bundle, 3))
    expect(await rig.publish(bundle, {}, worker)).toMatchObject({ kind: 'finished', itemsWritten: 40 })
    expect(await proxy.release()).toBe(1)
    expect(await delaysOf(bundle)).toEqual(new Set([3]))
    await expect.poll(() => tablesOf(bundle)).toEqual([`${plainOf(bundle)}.s2`])
  })

  test('R36: after two in vain the version is loaded under conditions, into its plain table, and can be continued there', async () => {
    const bundle = lookupBundle()
    await rig.commit(bundle, 0, rowsOf(bundle, 1))
    loseFrom(1, 'reset-after')
    const silent = { ...rig.deps.ledger, releaseLease: rig.deps.ledger.releaseLease }
    const dying = rig.worker({ online: crashingPut(faulty, 20), ledger: silent })
    let cursor = null
    const first = { workflowRunId: 'vain', heartbeat: (beat: never) => (cursor = beat) }
    silent.releaseLease = async (key, sequence, owner) => {
      // Killed in its third turn, it gives no lease back.
      if (sequence < 3n) await rig.deps.ledger.releaseLease(key, sequence, owner)
    }
    await expect(rig.publish(bundle, first, dying)).rejects.toThrow(Crash)
    expect(cursor).toEqual({ sequence: '3', items: 20 })
    expect(await tableOf(rig.deps, bundle)).toBe(plainOf(bundle))
    const second = { workflowRunId: 'vain', attempt: 2, cursor }
    expect(await rig.publish(bundle, second)).toMatchObject({ kind: 'finished', itemsWritten: 40 })
    expect(await rig.deps.online.getEnd(plainOf(bundle))).toMatchObject({ sequence: 3n })
    expect((await rig.online(bundle)).size).toBe(40)
    await expect.poll(() => tablesOf(bundle)).toEqual([plainOf(bundle)])
  })

  test.each([
    {
      ...{ denied: ['BatchWriteItem', 'DeleteTable'], first: 2, left: ['.s1'], untold: 1 },
      // The second is missed only once there is something to drop.
      hint: 'grant dynamodb:BatchWriteItem and dynamodb:DeleteTable on the tables of first loads (….v*.s*)',
    },
    {
      ...{ denied: ['CreateTable', 'DeleteTable'], first: 1, left: [], untold: 0 },
      hint: 'grant dynamodb:CreateTable on the table',
    },
  ])(
    'R36: a worker without a right that first loads alone need ($denied) says so and loads under conditions',
    async ({ denied, first, left, untold, hint }) => {
      const bundle = lookupBundle()
      const plain = plainOf(bundle)
      await rig.commit(bundle, 0, rowsOf(bundle, 1))
      let asked = 0
      // A role of before first loads may make the plain table.
      proxy.choose = (operation, _count, { TableName: table }) =>
        denied.includes(operation) && table !== plain && ++asked >= first ? 'no-right' : 'none'
      const told: (readonly [object, string])[] = []
      const log = { ...rig.deps.log, warn: (facts: object, message: string) => told.push([facts, message]) }
      const worker = rig.worker({ online: faulty, log })
      expect(await rig.publish(bundle, {}, worker)).toMatchObject({ kind: 'finished', itemsWritten: 40 })
      const facts = { view: bundle.view.name, version: 1, table: `${plain}.s1` }
      expect(told[0]).toEqual([
        {
          ...facts,
          why: `online table ${plain}.s1: access denied (User: worker is not authorized to perform: dynamodb:${denied[0]})`,
          hint,
        },
        'a first load was denied; the version is loaded under conditions, which takes longer',
      ])
      expect(told.slice(1).map(([, message]) => message)).toEqual(
        Array(untold).fill('the table of a first load that was given up could not be dropped'),
      )
      expect(await tableOf(rig.deps, bundle)).toBe(plain)
      expect(await delaysOf(bundle)).toEqual(new Set([1]))
      expect((await rig.online(bundle)).size).toBe(40)
      expect(await tablesOf(bundle)).toEqual([plain, ...left.map((end) => `${plain}${end}`)])
      // Given the rights, it has no second first load, and drops what was left.
      proxy.choose = () => 'none'
      await rig.commit(bundle, 1, [row(bundle, 61, 'A7', 2)])
      expect(await rig.publish(bundle, {}, worker)).toMatchObject({ keyCounts: counts(1, 1), itemsWritten: 1 })
      await expect.poll(() => tablesOf(bundle)).toEqual([plain])
      expect(told).toHaveLength(1 + untold)
    },
  )

  test('a worker that may not publish at all fails with what it was denied under conditions', async () => {
    const bundle = lookupBundle()
    await rig.commit(bundle, 0, rowsOf(bundle, 1))
    proxy.choose = () => 'expired'
    await expect(rig.publish(bundle, {}, rig.worker({ online: faulty }))).rejects.toMatchObject({
      code: 'PUBLISH_ACCESS_DENIED',
      message: `online table ${plainOf(bundle)}: the credentials have expired (as told)`,
    })
    proxy.choose = () => 'none'
    // Nothing was written: with good credentials it is a first load.
    expect(await rig.publish(bundle, {}, rig.worker({ online: faulty }))).toMatchObject({ itemsWritten: 40 })
    expect(await tableOf(rig.deps, bundle)).toBe(`${plainOf(bundle)}.s3`)
  })

  test.each([false, true])(
    'R36: a table that somebody else has made is not its own: it takes another and leaves that one alone (unseen at first: %s)',
    async (isUnseen) => {
      const bundle = lookupBundle()
      await rig.deps.online.ensureTable(`${plainOf(bundle)}.s1`)
      await rig.commit(bundle, 0, rowsOf(bundle, 1))
      const late = new Proxy(rig.deps.online, {
        get: (target, name) => (name === 'describeTable' ? async () => null : Reflect.get(target, name).bind(target)),
      })
      const worker = rig.worker({ online: isUnseen ? late : rig.deps.online })
      expect(await rig.publish(bundle, {}, worker)).toMatchObject({ kind: 'finished', itemsWritten: 40 })
      expect(await tableOf(rig.deps, bundle)).toBe(`${plainOf(bundle)}.s2`)
      // One that is ordered to be dropped is listed for a while yet.
      expect(await rig.deps.online.describeTable(`${plainOf(bundle)}.s1`)).not.toBeNull()
      expect(await tablesOf(bundle)).toEqual([`${plainOf(bundle)}.s1`, `${plainOf(bundle)}.s2`])
    },
  )

  test('R36: one whose table was made without an answer takes another, and that one is dropped in the end', async () => {
    const bundle = lookupBundle()
    await rig.commit(bundle, 0, rowsOf(bundle, 1))
    let made = 0
    proxy.choose = (operation) => (operation === 'CreateTable' && ++made === 1 ? 'reset-after' : 'none')
    const worker = rig.worker({ online: faulty })
    expect(await rig.publish(bundle, {}, worker)).toMatchObject({ kind: 'finished', itemsWritten: 40 })
    expect(await tableOf(rig.deps, bundle)).toBe(`${plainOf(bundle)}.s2`)
    await expect.poll(() => tablesOf(bundle)).toEqual([`${plainOf(bundle)}.s2`])
  })

  const isOwn = ({ TableName }: Record<string, unknown>) => /\.s\d+$/.test(String(TableName))
  const says = (status: string) => ({
    says: ({ Table, ...error }: Record<string, unknown>) =>
      Table ? { Table: { ...(Table as object), TableStatus: status } } : error,
  })
  test.each<{ readonly way: string; readonly tables: string[]; readonly choose: FaultProxy['choose'] }>([
    {
      way: 'the table is never ready',
      tables: ['.s1', '.s2'],
      choose: (operation, _, body) => (operation === 'DescribeTable' && isOwn(body) ? says('CREATING') : 'none'),
    },
    {
      way: 'making the table fails, and makes it',
      tables: ['.s1', '.s2'],
      choose: (operation, _, body) => (operation === 'CreateTable' && isOwn(body) ? 'reset-after' : 'none'),
    },
    {
      way: 'the table is not made',
      tables: [],
      choose: (operation, _, body) => (operation === 'CreateTable' && isOwn(body) ? 'server-error' : 'none'),
    },
  ])('R36: $way: no third one is made, the version is loaded under conditions, and they are dropped', async (given) => {
    const bundle = lookupBundle()
    await rig.commit(bundle, 0, rowsOf(bundle, 1))
    const patience = { patienceMs: 300, tableWaitMs: 300 }
    const online = new DynamoDbOnlineStore({ endpoint: proxy.endpoint, credentials: localCredentials, ...patience })
    const worker = rig.worker({ online })
    let most: string[] | null = null
    proxy.choose = async (operation, count, body) => {
      if (operation === 'DeleteTable') most ??= await tablesOf(bundle)
      return await given.choose(operation, count, body)
    }
    for (let tried = 0; tried < 3; tried++)
      if ((await rig.publish(bundle, {}, worker).catch(() => null)) !== null) break
    proxy.choose = () => 'none'
    await online.close()
    expect(most).toEqual(['', ...given.tables].map((end) => `${plainOf(bundle)}${end}`))
    expect(await tableOf(rig.deps, bundle)).toBe(plainOf(bundle))
    await expect.poll(() => tablesOf(bundle)).toEqual([plainOf(bundle)])
    expect((await rig.online(bundle)).size).toBe(40)
  })

  test('R36: one that fails before its delta is recorded makes no table, and may be begun again for ever', async () => {
    const bundle = lookupBundle()
    await rig.commit(bundle, 0, rowsOf(bundle, 1))
    const full = new Proxy(rig.deps.lake, {
      get: (target, name) =>
        name === 'prepareWrite'
          ? () => Promise.reject(new Error('no space left on device'))
          : Reflect.get(target, name).bind(target),
    })
    for (let tried = 0; tried < 3; tried++)
      await expect(rig.publish(bundle, {}, rig.worker({ lake: full }))).rejects.toThrow('no space left')
    expect(await tablesOf(bundle)).toEqual([])
    expect(await rig.publish(bundle)).toMatchObject({ kind: 'finished', itemsWritten: 40 })
    expect(await tableOf(rig.deps, bundle)).toBe(`${plainOf(bundle)}.s4`)
  })

  test.each(['denied', 'in-use'] as const)(
    'what could not be dropped (%s) is dropped by the next publish',
    async (fault) => {
      const bundle = lookupBundle()
      await rig.commit(bundle, 0, rowsOf(bundle, 1))
      loseFrom(1, 'server-error', 1)
      const told: string[] = []
      const log = { ...rig.deps.log, warn: (_: unknown, message: string) => told.push(message) }
      const choose = proxy.choose
      proxy.choose = async (operation, ...rest) =>
        operation === 'DeleteTable' ? fault : await choose(operation, ...rest)
      await rig.publish(bundle, {}, rig.worker({ online: faulty, log }))
      expect(told).toEqual([
        'a first load is given up and begun again in another table',
        'the table of a first load that was given up could not be dropped',
      ])
      expect(await tablesOf(bundle)).toHaveLength(2)
      proxy.choose = () => 'none'
      await rig.commit(bundle, 1, [row(bundle, 61, 'A7', 2)])
      await rig.publish(bundle, {}, rig.worker({ online: faulty, log }))
      await expect.poll(() => tablesOf(bundle)).toEqual([`${plainOf(bundle)}.s2`])
      expect(told).toHaveLength(2)
    },
  )
})

/** Lets so many items through under conditions, then fails as a dead worker does. */
function crashingPut(store: OnlineStore, items: number): OnlineStore {
  const crashing = crashingAfter(store, items)
  return new Proxy(store, {
    get: (target, name) => Reflect.get(name === 'putItems' ? crashing : target, name).bind(target),
  })
}
