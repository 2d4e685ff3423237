/** R35: what a publish shows of features that a commit leaves out, and what a decision makes of them. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SystemClock } from '../../adapters/clock/system-clock.js'
import { get } from '../../cli/commands/get.js'
import type { ViewBundle } from '../../core/define/definitions.js'
import type { RegistryWriter } from '../../core/ports/registry.js'
import { formatInstant, parseInstant } from '../../core/time/instant.js'
import type { StackPorts } from '../../workers/stack-ports.js'
import { asAnswer } from '../reference/generated-history.js'
import { commandContext } from '../support/command-context.js'
import { counts, lookupBundle, row, windowBundle } from '../support/publish-fixtures.js'
import { type PublishRig, startPublishRig, tableOf } from '../support/publish-rig.js'
import { seededRandom } from '../support/random-source.js'
import { testSeed } from '../support/test-seed.js'
import { trainOnRig } from '../support/train-on-rig.js'

let rig: PublishRig
beforeAll(async () => {
  rig = await startPublishRig()
})
afterAll(() => rig?.stop())

const at = (text: string) => parseInstant(`2001-01-01T${text}Z`)

/** What `get` prints at three o'clock; the view is named alike in whatever order tests run. */
async function shownByGet({ view, entity, source }: ViewBundle, origin: string): Promise<string> {
  const { online, registry, settings } = rig.deps
  const { project } = settings
  const repo = { project, entities: [entity], sources: [source], views: [view], services: [] }
  await (registry as RegistryWriter).apply(repo, { by: 'test' })
  const ports = { registry: async () => registry, online: async () => online } as unknown as StackPorts
  const context = { ...commandContext(ports), project, clock: new SystemClock(at('03:00:00')) }
  const { text } = await get(context, view.name, [`origin=${origin}`])
  return `${text.replaceAll(view.name, 'last')}\n`
}

test('R35, R25: a held lookup keeps its last value and event time, a new key has null there, and newer rows show it again', async () => {
  const bundle = lookupBundle()
  await rig.commit(bundle, 0, [row(bundle, 1, 'ATL', 1), row(bundle, 2, 'LAX', 1)])
  await rig.publish(bundle)
  await rig.commit(bundle, 1, [row(bundle, 61, 'ATL', 999), row(bundle, 62, 'JFK', 999)], ['delay'])
  expect(await rig.publish(bundle)).toMatchObject({ kind: 'finished', keyCounts: counts(2, 2), itemsWritten: 2 })
  const held = { ageMs: 119 * 60_000, eventAt: '2001-01-01T00:01:00Z', missingIntervals: [], status: 'held' }
  expect(await rig.read(bundle, ['ATL'], at('02:00:00'))).toEqual({
    ...{ status: 'present', eventAt: '2001-01-01T01:01:00Z', ageMs: 59 * 60_000, missingIntervals: [] },
    values: { delay: 1, big: 9007199254740993n + 61n, seen: parseInstant('2000-12-31T22:59:00Z') },
    features: { delay: held },
  })
  expect(await rig.read(bundle, ['JFK'])).toMatchObject({
    values: { delay: null, big: 9007199254740993n + 62n },
    features: { delay: { status: 'held', eventAt: null, ageMs: null } },
  })
  expect(await rig.read(bundle, ['LAX'])).not.toHaveProperty('features')
  await expect(await shownByGet(bundle, 'ATL')).toMatchFileSnapshot('publish-held/lookup.golden.txt')
  await expect(await shownByGet(bundle, 'JFK')).toMatchFileSnapshot('publish-held/lookup-new-key.golden.txt')
  expect(await shownByGet(bundle, 'nobody')).toContain('last@v1: missing, nothing of this key is published\n')
  // R2: of its own event time, to the nanosecond.
  const late = await rig.read(bundle, ['ATL'], parseInstant('2001-01-02T00:01:00Z'))
  expect([late.values.delay, late.features?.delay?.status]).toEqual([1, 'held'])
  const expired = await rig.read(bundle, ['ATL'], parseInstant('2001-01-02T00:01:00.000000001Z'))
  expect([expired.status, expired.values.delay, expired.features?.delay?.status]).toEqual(['present', null, 'expired'])
  await rig.commit(bundle, 2, [row(bundle, 121, 'ATL', 3)])
  await rig.publish(bundle)
  expect(await rig.read(bundle, ['ATL'])).toMatchObject({ values: { delay: 3 }, eventAt: '2001-01-01T02:01:00Z' })
  expect(await rig.read(bundle, ['ATL'])).not.toHaveProperty('features')
  expect(await rig.read(bundle, ['JFK'])).toHaveProperty('features')
})

test('R35, R37: accepted, exactly what was judged is shown; rejected, it stays left out for good', async () => {
  const bundle = lookupBundle()
  await rig.commit(bundle, 0, [row(bundle, 1, 'ATL', 1)])
  await rig.commit(bundle, 1, [row(bundle, 61, 'ATL', 61)], ['delay', 'big'])
  await rig.publish(bundle)
  expect(await rig.read(bundle, ['ATL'])).toMatchObject({ values: { delay: 1, big: 9007199254740993n + 1n } })
  expect(await rig.decide(bundle, 1, 'accept')).toMatchObject({ kind: 'committed' })
  expect(await rig.publish(bundle)).toMatchObject({ keyCounts: counts(1, 1), itemsWritten: 1 })
  const accepted = await rig.read(bundle, ['ATL'])
  expect(accepted).toMatchObject({ status: 'present', values: { delay: 61, big: 9007199254740993n + 61n } })
  expect(accepted).not.toHaveProperty('features')
  await expect(rig.decide(bundle, 1, 'reject')).rejects.toMatchObject({ code: 'DECIDE_NOT_APPLICABLE' })
  await rig.commit(bundle, 2, [row(bundle, 121, 'ATL', 121)], ['delay'])
  await rig.publish(bundle)
  expect(await rig.decide(bundle, 2, 'reject')).toMatchObject({ kind: 'committed' })
  expect(await rig.publish(bundle)).toMatchObject({ keyCounts: counts(1, 0, 1), itemsWritten: 0 })
  expect(await rig.read(bundle, ['ATL'])).toMatchObject({
    values: { delay: 61, big: 9007199254740993n + 121n },
    features: { delay: { status: 'held', eventAt: '2001-01-01T01:01:00Z' } },
  })
  await expect(rig.decide(bundle, 2, 'accept')).rejects.toMatchObject({ code: 'DECIDE_NOT_APPLICABLE' })
})

test('R35, R22, R31: an older interval committed anew changes what a held feature shows, and a rebuild finds the same', async () => {
  const bundle = lookupBundle()
  await rig.commit(bundle, 0, [row(bundle, 1, 'ATL', 1)])
  await rig.commit(bundle, 2, [row(bundle, 121, 'ATL', 999)], ['delay'])
  await rig.publish(bundle)
  // Filled between the two: only what is held shows it.
  await rig.commit(bundle, 1, [row(bundle, 61, 'ATL', 61)])
  expect(await rig.publish(bundle)).toMatchObject({ keyCounts: counts(1, 1), itemsWritten: 1 })
  const shown = {
    values: { delay: 61, big: 9007199254740993n + 121n },
    features: { delay: { status: 'held', eventAt: '2001-01-01T01:01:00Z' } },
  }
  expect(await rig.read(bundle, ['ATL'])).toMatchObject(shown)
  await rig.commit(bundle, 1, [])
  await rig.publish(bundle)
  expect(await rig.read(bundle, ['ATL'])).toMatchObject({ values: { delay: 1 } })
  // R18: a tombstone is no value of a feature: left out with its row, the key would live on in one.
  await rig.commit(bundle, 3, [row(bundle, 181, 'ATL', 999, 'true')], ['delay'])
  await rig.publish(bundle)
  expect(await rig.read(bundle, ['ATL'])).toMatchObject({ status: 'missing', values: { delay: null } })
  await rig.commit(bundle, 4, [row(bundle, 241, 'ATL', 999)], ['delay'])
  await rig.publish(bundle)
  const hidden = { values: { delay: null }, features: { delay: { status: 'held', eventAt: null } } }
  expect(await rig.read(bundle, ['ATL'])).toMatchObject(hidden)
  const key = { view: bundle.view.name, version: 1 }
  await rig.deps.ledger.askRebuild(key, 0n)
  expect(await rig.publish(bundle)).toMatchObject({ itemsWritten: 0 })
  expect(await rig.read(bundle, ['ATL'])).toMatchObject(hidden)
  await rig.deps.online.dropTable(await tableOf(rig.deps, bundle), { isAwaited: true })
  await rig.deps.ledger.askRebuild(key, 0n)
  await rig.publish(bundle)
  expect(await rig.read(bundle, ['ATL'])).toMatchObject(hidden)
})

test('R35, R32: a held window keeps what it showed at the newest end that it reaches whole, while others go on', async () => {
  const bundle = windowBundle()
  await rig.commit(bundle, 0, [row(bundle, 1, 'ATL', 1)])
  await rig.commit(bundle, 1, [row(bundle, 61, 'ATL', 2)])
  await rig.publish(bundle)
  await rig.commit(bundle, 2, [row(bundle, 121, 'ATL', 999), row(bundle, 122, 'JFK', 999)], ['delay_sum', 'flights'])
  await rig.publish(bundle)
  const held = { status: 'held', eventAt: '2001-01-01T02:00:00Z', missingIntervals: [] }
  expect(await rig.read(bundle, ['ATL'], at('03:00:00'))).toMatchObject({
    ...{ status: 'present', eventAt: '2001-01-01T03:00:00Z' },
    values: { flights: 2n, delay_sum: 3, big_max: 9007199254740993n + 121n },
    features: { flights: held, delay_sum: held },
  })
  expect((await rig.read(bundle, ['JFK'])).values).toMatchObject({ flights: null, delay_sum: null })
  // The count reaches two hours back: at 5 the gap lies behind it, and behind the sum it does not.
  await rig.commit(bundle, 3, [row(bundle, 181, 'ATL', 4)])
  await rig.commit(bundle, 4, [row(bundle, 241, 'ATL', 5)])
  await rig.publish(bundle)
  const later = await rig.read(bundle, ['ATL'], at('05:00:00'))
  expect(later).toMatchObject({ eventAt: '2001-01-01T05:00:00Z', values: { flights: 2n, delay_sum: 3 } })
  expect(later.features).toMatchObject({ delay_sum: held })
  expect(later.features).not.toHaveProperty('flights')
  await rig.decide(bundle, 2, 'reject')
  await rig.publish(bundle)
  // Rejected it is a gap no more, as an interval that was rejected is none.
  expect(await rig.read(bundle, ['ATL'])).toMatchObject({ status: 'present', values: { flights: 2n, delay_sum: 12 } })
  expect(await rig.read(bundle, ['ATL'])).not.toHaveProperty('features')
})

test('R35, R32: accepted it is counted at the end of all; where gaps are marked, it is partial, alone', async () => {
  const bundle = windowBundle(null, 'mark')
  await rig.commit(bundle, 0, [row(bundle, 1, 'ATL', 1)])
  await rig.commit(bundle, 1, [row(bundle, 61, 'ATL', 20), row(bundle, 62, 'JFK', 20)], ['delay_sum'])
  await rig.publish(bundle)
  expect(await rig.read(bundle, ['ATL'], at('02:00:00'))).toMatchObject({
    ...{ status: 'present', values: { flights: 2n, delay_sum: 1 } },
    features: {
      delay_sum: {
        ...{ status: 'partial', eventAt: '2001-01-01T02:00:00Z' },
        missingIntervals: [{ start: '2001-01-01T01:00:00Z', end: '2001-01-01T02:00:00Z' }],
      },
    },
  })
  await rig.decide(bundle, 1, 'accept')
  await rig.publish(bundle)
  const shown = await rig.read(bundle, ['ATL'], at('02:00:00'))
  expect(shown).toMatchObject({ status: 'present', values: { flights: 2n, delay_sum: 21 } })
  expect(shown).not.toHaveProperty('features')
})

test('R35, R8, R30: with nothing in its windows a rejected count is 0, a held one null of a new key, and a key that is missing reads 0', async () => {
  const bundle = windowBundle(null, 'block', null)
  const recorded = async () => (await rig.deps.ledger.lastPublish({ view: bundle.view.name, version: 1 }))!.finishedAt
  const flights = async () =>
    await Promise.all(
      ['ATL', 'JFK', 'LAX', 'SFO'].map(async (origin) => (await rig.read(bundle, [origin])).values.flights),
    )
  await rig.commit(bundle, 0, [row(bundle, 1, 'ATL', 1), row(bundle, 2, 'JFK', 1)], ['flights'])
  await rig.decide(bundle, 0, 'reject')
  await rig.commit(bundle, 1, [row(bundle, 61, 'ATL', 2)])
  await rig.publish(bundle)
  const first = await recorded()
  expect(await rig.read(bundle, ['JFK'])).toMatchObject({ status: 'present', values: { flights: 0n, delay_sum: 1 } })
  expect(await flights()).toEqual([1n, 0n, 0n, 0n])
  await rig.commit(bundle, 2, [row(bundle, 121, 'LAX', 3)], ['flights'])
  await rig.publish(bundle)
  const second = await recorded()
  expect(await rig.read(bundle, ['SFO'])).toMatchObject({ status: 'missing', values: { flights: 0n } })
  expect(await rig.read(bundle, ['LAX'])).toMatchObject({ status: 'present', values: { flights: null } })
  const asked = [first - 1n, first, second].flatMap((at) => ['ATL', 'LAX', 'SFO'].map((origin) => ({ at, origin })))
  const trained = await trainOnRig(rig.deps, bundle, 'as-published', asked)
  expect(trained.map((one) => asAnswer(one.flights))).toEqual([0n, 0n, 0n, 1n, 0n, 0n, 1n, null, 0n])
})

test('R35, R3, R18: a tombstone that another row of its instant hides takes no feature away', async () => {
  const bundle = lookupBundle(null)
  await rig.commit(bundle, 0, [row(bundle, 1, 'ATL', 5)])
  await rig.commit(bundle, 1, [row(bundle, 61, 'ATL', 1, 'true'), row(bundle, 61, 'ATL', 2)], ['delay'])
  await rig.publish(bundle)
  const held = { status: 'held', eventAt: '2001-01-01T00:01:00Z' }
  expect(await rig.read(bundle, ['ATL'])).toMatchObject({
    status: 'present',
    values: { delay: 5 },
    features: { delay: held },
  })
})

const hourNs = 3_600_000_000_000n
const origins = ['ATL', 'JFK', 'LAX']
const names = ['delay', 'big', 'seen'] as const

/** What the reference knows of a committed row. */
interface Row {
  readonly at: bigint
  readonly origin: string
  readonly delay: number
  readonly isGone: boolean
}

/** R1, R18, R35, said slowly: the newest row before `until` that has the feature accepted; one that deletes counts wherever it lies. */
function newest(commits: readonly Committed[], origin: string, name: string, until: bigint): Row | null {
  const rows = commits.flatMap((commit) =>
    commit.rows.filter((one) => one.origin === origin && one.at < until && (one.isGone || !commit.held.includes(name))),
  )
  const found = rows.reduce<Row | null>((a, b) => (a === null || b.at > a.at ? b : a), null)
  return found === null || found.isGone ? null : found
}

interface Committed {
  readonly start: bigint
  readonly rows: readonly Row[]
  held: readonly string[]
  isRejected: boolean
}

test('R35, R30, R37: of random lives online, what was knowable and what was published are what a slow reference says', async () => {
  const random = seededRandom(testSeed('MILLCOURSE_TEST_SEED', 35))
  const pick = (below: number) => Math.floor(random() * below)
  for (let life = 0; life < 3; life++) {
    const bundle = lookupBundle(null)
    const commits: Committed[] = []
    const shown: { readonly at: bigint; readonly values: (number | null)[] }[] = []
    const first = parseInstant(bundle.view.since)
    for (let hour = 0; hour < 6; hour++) {
      const start = first + BigInt(hour) * hourNs
      const taken = [...new Set(Array.from({ length: 3 }, () => 1 + pick(58)))]
      const rows = taken.map((minutes): Row & { readonly minutes: number } => ({
        ...{ minutes: hour * 60 + minutes, at: start + BigInt(minutes) * 60_000_000_000n },
        ...{ origin: origins[pick(3)]!, delay: hour * 100 + minutes, isGone: pick(6) === 0 },
      }))
      const held = names.filter(() => pick(3) === 0)
      const sql = rows.map((one) => row(bundle, one.minutes, one.origin, one.delay, one.isGone ? 'true' : 'NULL'))
      await rig.commit(bundle, hour, sql, held)
      commits.push({ start, rows, held, isRejected: false })
      const undecided = commits.findIndex((one) => one.held.length > 0 && !one.isRejected)
      if (undecided >= 0 && pick(2) === 0) {
        const action = pick(2) === 0 ? 'accept' : 'reject'
        await rig.decide(bundle, undecided, action)
        if (action === 'accept') commits[undecided]!.held = []
        else commits[undecided]!.isRejected = true
      }
      if (pick(4) === 0) continue
      await rig.publish(bundle)
      const until = first + 100n * hourNs
      const values: (number | null)[] = []
      for (const origin of origins) {
        const read = await rig.read(bundle, [origin])
        const whole = newest(commits, origin, '', until)
        const expected = newest(commits, origin, 'delay', until)
        const where = `life ${life}, hour ${hour}, ${origin}`
        expect(read.status, where).toBe(whole === null ? 'missing' : 'present')
        values.push((read.values.delay as number | null) ?? null)
        expect(values.at(-1), where).toBe(whole === null ? null : (expected?.delay ?? null))
        const isHeld = whole !== null && whole.at !== expected?.at
        expect(read.features?.delay?.status ?? null, where).toBe(isHeld ? 'held' : null)
        if (isHeld) expect(read.features?.delay?.eventAt, where).toBe(expected ? formatInstant(expected.at) : null)
      }
      const key = { view: bundle.view.name, version: 1 }
      shown.push({ at: (await rig.deps.ledger.lastPublish(key))!.finishedAt, values })
    }
    const times = [0, 1, 2, 3, 4, 5].map((hour) => first + BigInt(hour) * hourNs + 1_801n * 1_000_000_000n)
    const asked = times.flatMap((at) => origins.map((origin) => ({ at, origin })))
    const delays = async (mode: 'knowable' | 'as-published', of: typeof asked) =>
      (await trainOnRig(rig.deps, bundle, mode, of)).map(({ delay }) => delay)
    expect(await delays('knowable', asked)).toEqual(
      asked.map(({ at: t, origin }) => newest(commits, origin, 'delay', t + 1n)?.delay ?? null),
    )
    const past = shown.flatMap(({ at: recorded }) => origins.map((origin) => ({ at: recorded, origin })))
    expect(await delays('as-published', past)).toEqual(shown.flatMap(({ values }) => values))
  }
})
