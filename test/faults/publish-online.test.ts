import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { LedgerWriter } from '../../core/ports/ledger.js'
import type { OnlineStore } from '../../core/ports/online-store.js'
import type { Query, QueryEngine } from '../../core/ports/query-engine.js'
import { parseInstant } from '../../core/time/instant.js'
import {
  Crash,
  counts,
  crashingAfter,
  lookupBundle,
  neverLoading,
  row,
  since,
  windowBundle,
} from '../support/publish-fixtures.js'
import { type PublishRig, startPublishRig, tableOf } from '../support/publish-rig.js'

describe('publishing', () => {
  let rig: PublishRig
  beforeAll(async () => {
    rig = await startPublishRig()
  })
  afterAll(() => rig?.stop())

  test('R22, R28: a lookup view publishes the newest row of each key, and a rerun with nothing changed writes nothing', async () => {
    const bundle = lookupBundle()
    await rig.commit(bundle, 0, [
      row(bundle, 1, 'ATL', 1.5),
      row(bundle, 5, 'ATL', 2.5),
      row(bundle, 3, 'JFK', "'NaN'::DOUBLE"),
    ])
    expect(await rig.publish(bundle)).toMatchObject({ kind: 'finished', keyCounts: counts(2, 2), itemsWritten: 2 })
    expect(await rig.publish(bundle)).toEqual({ kind: 'nothing' })
    expect(await rig.read(bundle, ['ATL'], parseInstant('2001-01-01T01:00:00Z'))).toEqual({
      status: 'present',
      values: { delay: 2.5, big: 9007199254740998n, seen: parseInstant('2000-12-31T23:55:00Z') },
      eventAt: '2001-01-01T00:05:00Z',
      ageMs: 55 * 60_000,
      missingIntervals: [],
    })
    expect((await rig.read(bundle, ['JFK'])).values).toMatchObject({ delay: Number.NaN })
    // R21: the same rows again.
    await rig.commit(bundle, 0, [
      row(bundle, 1, 'ATL', 1.5),
      row(bundle, 5, 'ATL', 2.5),
      row(bundle, 3, 'JFK', "'NaN'::DOUBLE"),
    ])
    expect(await rig.publish(bundle)).toMatchObject({ keyCounts: counts(2, 0, 2), itemsWritten: 0 })
  })

  test('R22: a backfill of an old interval fills keys that have nothing newer and touches no other', async () => {
    const bundle = lookupBundle()
    await rig.commit(bundle, 5, [row(bundle, 301, 'ATL', 5)])
    await rig.publish(bundle)
    await rig.commit(bundle, 2, [row(bundle, 121, 'ATL', 2), row(bundle, 122, 'JFK', 2)])
    expect(await rig.publish(bundle)).toMatchObject({ keyCounts: counts(2, 1, 0, 1), itemsWritten: 1 })
    expect((await rig.read(bundle, ['ATL'])).values.delay).toBe(5)
    expect((await rig.read(bundle, ['JFK'])).values.delay).toBe(2)
  })

  test('R31: a rerun that no longer finds a row takes it back, to an older row or to missing', async () => {
    const bundle = lookupBundle()
    await rig.commit(bundle, 0, [row(bundle, 1, 'ATL', 1)])
    await rig.commit(bundle, 1, [row(bundle, 61, 'ATL', 2), row(bundle, 62, 'JFK', 2)])
    await rig.publish(bundle)
    await rig.commit(bundle, 1, [])
    expect(await rig.publish(bundle)).toMatchObject({ keyCounts: counts(0, 0, 0, 0, 2), itemsWritten: 2 })
    expect(await rig.read(bundle, ['ATL'])).toMatchObject({ status: 'present', values: { delay: 1 } })
    expect(await rig.read(bundle, ['JFK'])).toMatchObject({ status: 'missing', values: { delay: null } })
    await rig.commit(bundle, 1, [row(bundle, 62, 'JFK', 2)])
    await rig.publish(bundle)
    expect(await rig.read(bundle, ['JFK'])).toMatchObject({ status: 'present', values: { delay: 2 } })
  })

  test('R18, R22: a tombstone hides the key from its time on, also from a later backfill of older rows', async () => {
    const bundle = lookupBundle()
    await rig.commit(bundle, 1, [
      row(bundle, 61, 'ATL', 1),
      row(bundle, 62, 'ATL', 2, 'true'),
      row(bundle, 63, 'LAX', 3, 'true'),
    ])
    await rig.publish(bundle)
    await rig.commit(bundle, 0, [row(bundle, 1, 'ATL', 0), row(bundle, 2, 'LAX', 0)])
    await rig.publish(bundle)
    expect((await rig.read(bundle, ['ATL'])).status).toBe('missing')
    expect((await rig.read(bundle, ['LAX'])).status).toBe('missing')
    await rig.commit(bundle, 2, [row(bundle, 121, 'ATL', 4)])
    await rig.publish(bundle)
    expect(await rig.read(bundle, ['ATL'])).toMatchObject({ status: 'present', values: { delay: 4 } })
  })

  test('R8, R29: a window view shows the answer at E for every key, and keys that left every window read as nothing', async () => {
    const bundle = windowBundle()
    await rig.commit(bundle, 0, [row(bundle, 1, 'ATL', 1), row(bundle, 2, 'ATL', 2), row(bundle, 3, 'JFK', 7)])
    expect(await rig.publish(bundle)).toMatchObject({ keyCounts: counts(2, 2), itemsWritten: 2 })
    expect(await rig.read(bundle, ['ATL'], parseInstant('2001-01-01T02:00:00Z'))).toMatchObject({
      ...{ status: 'present', eventAt: '2001-01-01T01:00:00Z', ageMs: 3_600_000 },
      values: { flights: 2n, delay_sum: 3, big_max: 9007199254740995n },
    })
    expect(await rig.read(bundle, ['LAX'])).toMatchObject({
      ...{ status: 'missing', values: { flights: 0n, delay_sum: null, big_max: null } },
    })
    for (let hour = 1; hour < 13; hour++) await rig.commit(bundle, hour, [row(bundle, hour * 60, 'ATL', 1)])
    expect(await rig.publish(bundle)).toMatchObject({ keyCounts: { touched: 1, published: 1, takenBack: 1 } })
    expect(await rig.read(bundle, ['JFK'])).toMatchObject({ status: 'missing', eventAt: '2001-01-01T13:00:00Z' })
    expect((await rig.read(bundle, ['ATL'])).values).toMatchObject({ flights: 2n, delay_sum: 12 })
  })

  test('R32: a hole blocks later ends until it is filled', async () => {
    const bundle = windowBundle()
    await rig.commit(bundle, 0, [row(bundle, 1, 'ATL', 1)])
    await rig.publish(bundle)
    await rig.commit(bundle, 2, [row(bundle, 121, 'ATL', 1)])
    expect(await rig.publish(bundle)).toEqual({ kind: 'nothing' })
    await rig.commit(bundle, 1, [])
    expect(await rig.publish(bundle)).toMatchObject({ kind: 'finished', endAt: parseInstant('2001-01-01T03:00:00Z') })
  })

  test('coarse tiles stand in for fine ones and change no value', async () => {
    const bundle = windowBundle(['4h', '8h'])
    const fine = windowBundle()
    for (const one of [bundle, fine])
      for (let hour = 0; hour < 17; hour++)
        await rig.commit(one, hour, [row(one, hour * 60 + 1, 'ATL', hour), row(one, hour * 60 + 2, `K${hour}`, 0.1)])
    await rig.publish(bundle)
    await rig.publish(fine)
    expect(await rig.online(bundle)).toEqual(await rig.online(fine))
    const range = { start: parseInstant(since), end: parseInstant('2001-01-02T00:00:00Z') }
    const key = { view: bundle.view.name, version: 1 }
    // The window is [5h, 17h): the eight hours are merged from two times four, and stand for them.
    const hours = (await rig.deps.ledger.coarseTiles(key, range)).map(({ span }) =>
      [span.start, span.end].map((at) => Number((at - range.start) / 3_600_000_000_000n)),
    )
    expect(hours.toSorted()).toEqual([
      [12, 16],
      [8, 12],
      [8, 16],
    ])
    // A rerun inside a coarse span counts at once.
    for (const one of [bundle, fine]) {
      await rig.commit(one, 5, [row(one, 301, 'ATL', 1000)])
      await rig.publish(one)
    }
    expect(await rig.online(bundle)).toEqual(await rig.online(fine))
    expect((await rig.read(bundle, ['ATL'])).values.delay_sum).toBe(126 - 5 + 1000)
  })

  test('R36: a worker that dies between two parts leaves keys that its successor rewrites, changed or not', async () => {
    const bundle = lookupBundle()
    const rows = (delay: number) => Array.from({ length: 35 }, (_, index) => row(bundle, index, `A${index}`, delay))
    await rig.commit(bundle, 0, rows(1))
    await rig.publish(bundle)
    await rig.commit(bundle, 0, rows(2))
    const dying = rig.worker({ online: crashingAfter(rig.deps.online, 17) })
    await expect(rig.publish(bundle, {}, dying)).rejects.toThrow(Crash)
    // Meanwhile the rows went back to what they were: nothing differs from the last finished publish.
    await rig.commit(bundle, 0, rows(1))
    expect(await rig.publish(bundle)).toMatchObject({
      ...{ keyCounts: counts(35, 0, 35, 0, 0, 35), itemsWritten: 35 },
    })
    expect(new Set([...(await rig.online(bundle)).values()].map((values) => values?.delay))).toEqual(new Set([1]))
  })

  test('R36: an attempt killed without a word is continued at its cursor, with its own sequence', async () => {
    const bundle = lookupBundle()
    await rig.commit(
      bundle,
      0,
      Array.from({ length: 35 }, (_, index) => row(bundle, index, `A${index}`, 1)),
    )
    const ledger = neverLoading(rig.deps.ledger)
    let cursor = null
    const beats: unknown[] = []
    const dying = rig.worker({ online: crashingAfter(rig.deps.online, 25), ledger: neverReleasing(ledger) })
    const first = { workflowRunId: 'wf', heartbeat: (beat: never) => (cursor = beat) }
    await expect(rig.publish(bundle, first, dying)).rejects.toThrow(Crash)
    expect(cursor).toEqual({ sequence: '1', items: 20 })
    const seen: number[] = []
    const counting = new Proxy(rig.deps.online, {
      get(target, name) {
        if (name !== 'putItems') return Reflect.get(target, name).bind(target)
        return (...[table, batch, options]: Parameters<OnlineStore['putItems']>) => {
          seen.push(batch.length)
          return target.putItems(table, batch, options)
        }
      },
    })
    const second = { workflowRunId: 'wf', attempt: 2, cursor, heartbeat: (beat: unknown) => beats.push(beat) }
    const outcome = await rig.publish(bundle, second, rig.worker({ online: counting, ledger }))
    expect(outcome).toMatchObject({ kind: 'finished', keyCounts: counts(35, 35), itemsWritten: 35 })
    expect(seen).toEqual([10, 5])
    expect((await rig.online(bundle)).size).toBe(35)
    expect(await rig.deps.online.getEnd(await tableOf(rig.deps, bundle))).toMatchObject({ sequence: 1n })
  })

  test('a delta that an earlier release recorded, not knowing which keys are new, is continued', async () => {
    const bundle = lookupBundle()
    await rig.commit(bundle, 0, [row(bundle, 1, 'ATL', 1), row(bundle, 2, 'JFK', 2)])
    const earlier = rig.worker({
      online: crashingAfter(rig.deps.online, 0),
      engine: rewriting(rig.deps.engine, (sql) => sql.replace('is_empty, is_new, digest', 'is_empty, digest')),
      ledger: neverReleasing(neverLoading(rig.deps.ledger)),
    })
    await expect(rig.publish(bundle, { workflowRunId: 'wf' }, earlier)).rejects.toThrow(Crash)
    expect(await rig.publish(bundle, { workflowRunId: 'wf', attempt: 2 })).toMatchObject({ itemsWritten: 2 })
    expect(await rig.deps.online.getEnd(await tableOf(rig.deps, bundle))).toMatchObject({ sequence: 1n })
  })

  test('a publish with nothing to write leaves no file, and whoever continues it reports the same counts', async () => {
    const bundle = lookupBundle()
    const files = async () => {
      const paths: string[] = []
      for await (const { path } of rig.deps.lake.list(`published/${bundle.view.name}/`)) paths.push(path)
      return paths
    }
    const rows = [row(bundle, 1, 'ATL', 1), row(bundle, 2, 'JFK', 2)]
    await rig.commit(bundle, 0, rows)
    await rig.publish(bundle)
    const before = await files()
    await rig.commit(bundle, 0, rows)
    // Killed between its record and its end: it gives no lease back.
    const dying = rig.worker({
      online: failingAt(rig.deps.online, 'putEnd'),
      ledger: new Proxy(rig.deps.ledger, {
        get: (target, name) => (name === 'releaseLease' ? async () => {} : Reflect.get(target, name).bind(target)),
      }),
    })
    await expect(rig.publish(bundle, { workflowRunId: 'quiet' }, dying)).rejects.toThrow(Crash)
    const outcome = await rig.publish(bundle, { workflowRunId: 'quiet', attempt: 2 })
    expect(outcome).toMatchObject({ kind: 'finished', keyCounts: counts(2, 0, 2), itemsWritten: 0 })
    expect(await files()).toEqual(before)
    // What is online is still known without reading it.
    await rig.commit(bundle, 1, [row(bundle, 61, 'ATL', 3)])
    expect(await rig.publish(bundle)).toMatchObject({ keyCounts: counts(1, 1), itemsWritten: 1 })
  })

  test('an hour in which nothing came and nothing left asks the query engine for no values', async () => {
    const quiet = rig.worker({ engine: onlyLight(rig.deps.engine) })
    const [last, windows] = [lookupBundle(), windowBundle('4h')]
    await rig.commit(last, 0, [row(last, 1, 'ATL', 1)])
    await rig.publish(last)
    await rig.commit(windows, 0, [])
    await rig.publish(windows)
    for (const bundle of [last, windows]) {
      for (let hour = 1; hour < 9; hour++) await rig.commit(bundle, hour, [])
      expect(await rig.publish(bundle, {}, quiet)).toMatchObject({ keyCounts: counts(0, 0), itemsWritten: 0 })
    }
    expect(await rig.read(last, ['ATL'])).toMatchObject({ status: 'present', values: { delay: 1 } })
    await rig.commit(windows, 9, [row(windows, 541, 'ATL', 1)])
    expect(await rig.publish(windows)).toMatchObject({ keyCounts: counts(1, 1), itemsWritten: 1 })
    // The windows are empty again, what is online is not.
    for (let hour = 10; hour < 22; hour++) await rig.commit(windows, hour, [])
    await expect(rig.publish(windows, {}, quiet)).rejects.toThrow('asked')
    expect(await rig.publish(windows)).toMatchObject({ keyCounts: { touched: 0, rewritten: 0, takenBack: 1 } })
    expect((await rig.read(windows, ['ATL'])).status).toBe('missing')
  })

  test('R36: a publisher stopped past its lease and woken after a successor changes nothing', async () => {
    const bundle = lookupBundle()
    const rows = (delay: number) => Array.from({ length: 25 }, (_, index) => row(bundle, index, `A${index}`, delay))
    await rig.commit(bundle, 0, rows(1))
    let wake = () => {}
    let stopped = () => {}
    const isStopped = new Promise<void>((resolve) => {
      stopped = resolve
    })
    const woken = new Promise<void>((resolve) => {
      wake = resolve
    })
    let parts = 0
    let isFrozen = false
    const sleeping = new Proxy(rig.deps.online, {
      get(target, name) {
        if (name !== 'putItems') return Reflect.get(target, name).bind(target)
        return async (...[table, batch]: Parameters<OnlineStore['putItems']>) => {
          if (++parts === 2) {
            isFrozen = true
            stopped()
            await woken
          }
          // Whatever it thinks of its lease: the fence alone has to hold.
          return await target.putItems(table, batch)
        }
      },
    })
    const settings = { ...rig.deps.settings, leaseMs: 300 }
    const frozen = rig.worker({ online: sleeping, settings })
    // Its renewals stop, too.
    const stuck = new Proxy(neverLoading(rig.deps.ledger), {
      get: (target, name) =>
        name === 'renewLease'
          ? async (...given: Parameters<typeof target.renewLease>) => {
              if (isFrozen) await woken
              return await target.renewLease(...given)
            }
          : Reflect.get(target, name).bind(target),
    })
    const zombie = rig.publish(bundle, { workflowRunId: 'zombie' }, { ...frozen, ledger: stuck })
    await isStopped
    await rig.commit(bundle, 0, rows(2))
    expect(await rig.publish(bundle)).toMatchObject({ kind: 'finished', itemsWritten: 25 })
    const before = await rig.online(bundle)
    wake()
    expect(await zombie).toEqual({ kind: 'overtaken' })
    expect(await rig.online(bundle)).toEqual(before)
    expect(new Set([...before.values()].map((values) => values?.delay))).toEqual(new Set([2]))
    expect(parts).toBe(2)
  })

  test('R33: a publish that does not get the lease in time says so', async () => {
    const bundle = lookupBundle()
    await rig.commit(bundle, 0, [row(bundle, 1, 'ATL', 1)])
    const dying = rig.worker({ online: crashingAfter(rig.deps.online, 0), ledger: neverReleasing(rig.deps.ledger) })
    await expect(rig.publish(bundle, {}, dying)).rejects.toThrow(Crash)
    const settings = { ...rig.deps.settings, publishWaitMs: 300 }
    expect(await rig.publish(bundle, {}, rig.worker({ settings }))).toEqual({ kind: 'busy' })
  })

  test('many small deltas are merged into one base', async () => {
    const bundle = lookupBundle()
    for (let hour = 0; hour < 36; hour++) {
      await rig.commit(bundle, hour, [row(bundle, hour * 60, `K${hour % 5}`, hour)])
      expect(await rig.publish(bundle)).toMatchObject({ itemsWritten: 1 })
    }
    await rig.commit(bundle, 36, [])
    await rig.publish(bundle)
    await rig.commit(bundle, 3, [row(bundle, 180, 'K3', -1)])
    expect(await rig.publish(bundle)).toMatchObject({ keyCounts: counts(1, 0, 0, 1), itemsWritten: 0 })
    expect([...(await rig.online(bundle)).values()].map((values) => values?.delay).sort()).toEqual([31, 32, 33, 34, 35])
  })
})

/** A killed process gives no lease back. */
function neverReleasing(ledger: LedgerWriter): LedgerWriter {
  return new Proxy(ledger, {
    get: (target, name) => (name === 'releaseLease' ? async () => {} : Reflect.get(target, name).bind(target)),
  })
}

/** Footers may be read; whoever asks for more than that fails. */
function onlyLight(engine: QueryEngine): QueryEngine {
  return {
    ...{ describe: (...args) => engine.describe(...args), close: () => engine.close() },
    withSession: (work, options) =>
      options?.isLight ? engine.withSession(work, options) : Promise.reject(new Error('the engine was asked')),
  }
}

/** An engine whose statements are changed on the way. */
function rewriting(engine: QueryEngine, change: (sql: string) => string): QueryEngine {
  return {
    ...{ describe: (...args) => engine.describe(...args), close: () => engine.close() },
    withSession: (work, options) =>
      engine.withSession(
        (session) =>
          work(
            new Proxy(session, {
              get(target, name) {
                const member = Reflect.get(target, name).bind(target)
                return name === 'execute' ? (query: Query) => member({ ...query, sql: change(query.sql) }) : member
              },
            }),
          ),
        options,
      ),
  }
}

function failingAt(online: OnlineStore, method: keyof OnlineStore): OnlineStore {
  return new Proxy(online, {
    get(target, name) {
      if (name !== method) return Reflect.get(target, name).bind(target)
      return () => Promise.reject(new Crash())
    },
  })
}
