/** Whatever happens on the way, once things are quiet online equals the projection of committed state (R22, R29, R31, R36). */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ActivityDeps } from '../../activities/activity-deps.js'
import type { ViewBundle } from '../../core/define/definitions.js'
import { bundleFor, entity, featureView, lookup, parquet, t, window } from '../../core/define/index.js'
import type { PackedValue } from '../../core/publish/index.js'
import { parseInstant } from '../../core/time/instant.js'
import { minute, type PublishRig, startPublishRig, tableOf } from '../support/publish-rig.js'
import { casesOf } from '../support/test-effort.js'

const hours = 3
const since = '2001-01-01T00:00:00Z'
const owner = 'ops'
const place = entity('place', { keys: { city: t.string(), gate: t.int64() }, owner, description: 'A composite key' })
const events = parquet('events', {
  path: 'events/*.parquet',
  eventTime: 'at',
  schema: { at: t.timestamp(), city: t.string(), gate: t.int64(), value: t.int64().nullable(), gone: t.boolean() },
  ...{ tombstone: 'gone', owner, description: 'Events' },
})
let views = 0
function bundleOf(kind: 'lookup' | 'window'): ViewBundle {
  const shared = {
    version: 1,
    entity: place,
    source: events,
    since,
    every: '1h',
    owner,
    description: 'A view',
  } as const
  const view =
    kind === 'lookup'
      ? featureView(`history_${++views}`, { ...shared, features: { value: lookup() } })
      : featureView(`history_${++views}`, {
          ...{ ...shared, tile: '1h', onGap: 'mark' },
          features: { rows: window.count({ over: '1h' }), total: window.sum('value', { over: '3h' }) },
        })
  const repo = { project: 'test', entities: [place.definition], sources: [events.definition], services: [] }
  return bundleFor({ ...repo, views: [view.definition] }, view.definition)
}

interface Row {
  /** Since the interval's start. */
  readonly minute: number
  readonly city: string
  readonly gate: number
  readonly value: number | null
  readonly gone: boolean
}
/** Intervals are committed over one of few sets of rows, so that they often go back to what they were. */
interface Story {
  readonly sets: readonly (readonly Row[])[]
  readonly events: readonly Event[]
}
interface Fault {
  readonly call: 'putItems' | 'loadItems' | 'putEnd' | 'recordDelta' | 'finishPublish'
  readonly nth: number
  readonly when: 'before' | 'after'
}
type Event =
  | { readonly type: 'commit'; readonly hour: number; readonly rows: number }
  | { readonly type: 'publish' }
  /** The worker dies at the call; its lease runs out. */
  | { readonly type: 'die'; readonly fault: Fault }
  /** An interval changes, the worker that publishes it dies, and the interval goes back to what it was. */
  | { readonly type: 'waver'; readonly hour: number; readonly rows: number; readonly fault: Fault }
  /** Stopped at the call, woken after another commit and another publish. */
  | { readonly type: 'sleep'; readonly fault: Fault; readonly hour: number; readonly rows: number }

const hour = fc.nat({ max: hours - 1 })
const set = fc.uniqueArray(
  fc.record({
    minute: fc.nat({ max: 59 }),
    city: fc.constantFrom('A', 'AB', 'B'),
    gate: fc.constantFrom(1, 2, -1),
    value: fc.option(fc.nat({ max: 3 }), { nil: null }),
    gone: fc.nat({ max: 5 }).map((one) => one === 0),
  }),
  // One key has one row a minute: the order of ties (R3) is compute's, and proved there.
  { maxLength: 8, selector: (row) => `${row.minute}/${row.city}/${row.gate}` },
)
const fault = fc.record({
  call: fc.constantFrom<Fault['call'][]>('putItems', 'loadItems', 'putEnd', 'recordDelta', 'finishPublish'),
  nth: fc.constantFrom(1, 2),
  when: fc.constantFrom<Fault['when'][]>('before', 'after'),
})
const rows = fc.nat({ max: 2 })
const happenings = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ type: fc.constant('commit' as const), hour, rows }) },
    { weight: 2, arbitrary: fc.constant({ type: 'publish' as const }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('die' as const), fault }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('waver' as const), hour, rows, fault }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('sleep' as const), fault, hour, rows }) },
  ),
  { minLength: 3, maxLength: 8 },
)
const history = fc.record({ sets: fc.array(set, { minLength: 3, maxLength: 3 }), events: happenings })

class Death extends Error {}

/** A worker whose n-th call of one method does something else before or after. */
function withFault(deps: ActivityDeps, { call, nth, when }: Fault, act: () => Promise<void>): ActivityDeps {
  let seen = 0
  const wrap = <T extends object>(port: T): T =>
    new Proxy(port, {
      get(target, name) {
        const method: unknown = Reflect.get(target, name)
        if (typeof method !== 'function') return method
        return name !== call
          ? method.bind(target)
          : async (...given: unknown[]) => {
              const isNow = ++seen === nth
              if (isNow && when === 'before') await act()
              const result: unknown = await method.apply(target, given)
              if (isNow && when === 'after') await act()
              return result
            }
      },
    })
  return { ...deps, online: wrap(deps.online), ledger: wrap(deps.ledger) }
}

describe('histories', () => {
  let rig: PublishRig
  beforeAll(async () => {
    rig = await startPublishRig()
  })
  afterAll(() => rig?.stop())

  const sql = (bundle: ViewBundle, at: number, { minute: offset, city, gate, value, gone }: Row) =>
    `(${minute(bundle, at * 60 + offset)}, '${city}', ${gate}, ${value ?? 'NULL::BIGINT'}, ${gone && bundle.view.viewKind === 'lookup'})`

  async function play(bundle: ViewBundle, { sets, events: happened }: Story): Promise<Map<number, readonly Row[]>> {
    const state = new Map<number, readonly Row[]>()
    const commit = async (at: number, set: number) => {
      const given = sets[set]!
      await rig.commit(
        bundle,
        at,
        given.map((row) => sql(bundle, at, row)),
      )
      state.set(at, given)
    }
    // Two items a part, so that faults fall between parts.
    const worker = rig.worker({ settings: { ...rig.deps.settings, publishPartItems: 2 } })
    const die = async (at: Fault) => {
      const dying = withFault(worker, at, async () => {
        throw new Death()
      })
      await rig.publish(bundle, {}, dying).catch((error: unknown) => {
        if (!(error instanceof Death)) throw error
      })
    }
    for (const event of happened) {
      switch (event.type) {
        case 'commit':
          await commit(event.hour, event.rows)
          break
        case 'publish':
          await rig.publish(bundle, {}, worker)
          break
        case 'die':
          await die(event.fault)
          break
        case 'waver': {
          const before = sets.indexOf(state.get(event.hour) ?? sets[0]!)
          await commit(event.hour, before)
          await rig.publish(bundle, {}, worker)
          await commit(event.hour, event.rows)
          await die(event.fault)
          await commit(event.hour, before)
          break
        }
        case 'sleep': {
          let asleep = () => {}
          let wake = () => {}
          const isAsleep = new Promise<void>((resolve) => {
            asleep = resolve
          })
          const isWoken = new Promise<void>((resolve) => {
            wake = resolve
          })
          const zombie = rig.publish(
            bundle,
            { workflowRunId: 'zombie' },
            withFault(worker, event.fault, async () => {
              asleep()
              await isWoken
            }),
          )
          await Promise.race([isAsleep, zombie])
          await commit(event.hour, event.rows)
          // Postgres's clock has run past the lease.
          const key = { view: bundle.view.name, version: 1 }
          for (let sequence = 1n; sequence < 30n; sequence++)
            await rig.deps.ledger.releaseLease(key, sequence, 'zombie/1')
          await rig.publish(bundle, {}, worker)
          wake()
          await zombie
          break
        }
      }
    }
    while ((await rig.publish(bundle, {}, worker)).kind !== 'nothing') {}
    return state
  }

  async function online(bundle: ViewBundle): Promise<Map<string, Readonly<Record<string, PackedValue>>>> {
    const found = new Map<string, Readonly<Record<string, PackedValue>>>()
    for (const [key, values] of await rig.online(bundle)) if (values !== null) found.set(key, values)
    return found
  }

  test('R22, R31, R36: a lookup view shows the newest committed row of each key', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (story) => {
        const bundle = bundleOf('lookup')
        const state = await play(bundle, story)
        const expected = new Map<string, { value: bigint | null }>()
        const newest = new Map<string, number>()
        for (const [at, given] of state)
          for (const row of given) {
            const key = `${row.city}|${row.gate}`
            const minuteOfDay = at * 60 + row.minute
            if (minuteOfDay < (newest.get(key) ?? -1)) continue
            newest.set(key, minuteOfDay)
            expected.delete(key)
            if (!row.gone) expected.set(key, { value: row.value === null ? null : BigInt(row.value) })
          }
        expect(state.size === 0 ? expected : await online(bundle)).toEqual(expected)
      }),
      { numRuns: casesOf(12), endOnFailure: true },
    )
  })

  test('R29, R36: a window view shows the answer at E', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (story) => {
        const bundle = bundleOf('window')
        const state = await play(bundle, story)
        if (state.size === 0) return
        const end = (await rig.deps.online.getEnd(await tableOf(rig.deps, bundle)))!
        const endHour = Number((end.endAt - parseInstant(since)) / 3_600_000_000_000n)
        expect(endHour).toBe(Math.max(...state.keys()) + 1)
        const expected = new Map<string, { rows: bigint; total: string | null }>()
        for (const [at, given] of state)
          for (const { city, gate, value } of given) {
            if (at < endHour - 3 || at >= endHour) continue
            const key = `${city}|${gate}`
            const { rows: counted, total } = expected.get(key) ?? { rows: 0n, total: null }
            expected.set(key, {
              rows: at === endHour - 1 ? counted + 1n : counted,
              total: value === null ? total : String(Number(total ?? 0) + value),
            })
          }
        expect(await online(bundle)).toEqual(expected)
      }),
      { numRuns: casesOf(12), endOnFailure: true },
    )
  })
})
