/**
 * R35 over random lives: intervals that leave features out, decided on and run again in any order, against a slow reference; online, as
 * published at every moment, and as knowable now.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ViewBundle, WindowFeature } from '../../core/define/definitions.js'
import { bundleFor, entity, featureView, lookup, parquet, t, window } from '../../core/define/index.js'
import { parseDuration } from '../../core/time/duration.js'
import { formatInstant, parseInstant } from '../../core/time/instant.js'
import { asAnswer } from '../reference/generated-history.js'
import {
  type HoldingCommit,
  nothingOf,
  rowsToLookUp,
  shownEnd,
  shownWindows,
  windowAt,
} from '../reference/held-features.js'
import { type Answer, lookup as lookupRow, type Row } from '../reference/point-in-time.js'
import { type PublishRig, startPublishRig } from '../support/publish-rig.js'
import { seededRandom } from '../support/random-source.js'
import { casesOf } from '../support/test-effort.js'
import { testSeed } from '../support/test-seed.js'
import { trainOnRig } from '../support/train-on-rig.js'

const seed = testSeed('MILLCOURSE_TEST_SEED', 35_003)
const owner = 'ops'
const hourNs = 3_600_000_000_000n
const minuteNs = 60_000_000_000n
const since = parseInstant('2001-01-01T00:00:00Z')
const endOfTime = 1n << 90n
const origins = ['ATL', 'JFK', 'LAX']
const rules = { visibility: 'event', within: null, ttl: null } as const

const airport = entity('airport', { keys: { origin: t.string() }, owner })
const schema = {
  origin: t.string(),
  at: t.timestamp(),
  made: t.timestamp().nullable(),
  id: t.string().nullable(),
  gone: t.boolean().nullable(),
  delay: t.int64().nullable(),
  seats: t.int64().nullable(),
}
const shared = { schema, eventTime: 'at', createdTime: 'made', visibility: 'event', tombstone: 'gone', owner } as const
const flights = parquet('flights', { ...shared, path: 'flights/*.parquet' })
const redelivered = parquet('redelivered', { ...shared, path: 'redelivered/*.parquet', eventId: { column: 'id' } })

let views = 0
/** Of those that expire, ends of the first hours have done so by now. */
function bundleOf(kind: 'lookup' | 'block' | 'mark' | 'coarse' | 'expiring'): ViewBundle {
  const ttl = `${(BigInt(Date.now()) * 1_000_000n - since) / hourNs - 4n}h` as const
  const common = { version: 1, entity: airport, since: formatInstant(since), every: '1h', owner } as const
  const name = `held_${kind}_${++views}`
  const view =
    kind === 'lookup'
      ? featureView(name, { ...common, source: redelivered, features: { delay: lookup(), seats: lookup() } })
      : featureView(name, {
          ...{ ...common, source: flights, tile: '1h', onGap: kind === 'mark' ? 'mark' : 'block' },
          ...(kind === 'coarse' ? { coarseTile: '2h' as const } : {}),
          ...(kind === 'expiring' ? { ttl } : {}),
          features: {
            rows_1h: window.count({ over: '1h' }),
            delay_sum: window.sum('delay', { over: '3h' }),
            delays_2h: window.count('delay', { over: '2h' }),
            seats_max: window.max('seats', { over: '4h' }),
            rows: window.count({ over: 'lifetime' }),
          },
        })
  const repo = {
    ...{ project: 'test', entities: [airport.definition], services: [] },
    sources: [flights.definition, redelivered.definition],
    views: [view.definition],
  }
  return bundleFor(repo, view.definition)
}

let rig: PublishRig
beforeAll(async () => {
  console.log(`seed ${seed}: MILLCOURSE_TEST_SEED=${seed} replays it`)
  rig = await startPublishRig()
})
afterAll(() => rig?.stop())

type Shown = readonly (Answer | undefined)[]

/** What lies in the ledger by the reference's own book, and what was shown of it. */
class Life {
  readonly commits = new Map<number, HoldingCommit & { readonly rows: readonly Row[] }>()
  readonly shown: { readonly at: bigint; readonly values: readonly Shown[] }[] = []
  readonly log: string[] = []
  readonly names: readonly string[]

  constructor(
    readonly bundle: ViewBundle,
    readonly random: () => number,
  ) {
    this.names = bundle.view.features.map(({ name }) => name)
  }

  pick(below: number): number {
    return Math.floor(this.random() * below)
  }

  get all(): readonly HoldingCommit[] {
    return [...this.commits.values()]
  }

  get rows(): readonly Row[] {
    return [...this.commits.values()].flatMap((commit) => commit.rows)
  }

  #row(hour: number): Row {
    const event = since + BigInt(hour) * hourNs + BigInt(this.pick(60)) * minuteNs
    const created = event + BigInt(this.pick(300)) * minuteNs
    const origin = origins[this.pick(hour < 2 ? 2 : 3)]!
    const id = ['x', 'y', null][this.pick(3)]!
    const isDeleted = this.pick(7) === 0
    const [delay, seats] = [BigInt(this.pick(50)), BigInt(this.pick(9))]
    const columns = { origin, at: event, made: created, id, gone: isDeleted, delay, seats }
    const hasId = this.bundle.source.eventId !== null
    return { key: [origin], event, created, id: hasId ? id : null, isDeleted, columns }
  }

  /** As a run does it: an interval that has a feature accepted, or rejected, does not lose it. */
  async commit(hour: number): Promise<void> {
    const before = this.commits.get(hour)
    const rows = Array.from({ length: this.pick(5) }, () => this.#row(hour))
    const holdable = before === undefined ? this.names : before.isRejected ? [] : before.held
    const drawn = holdable.filter(() => this.pick(3) === 0)
    const held = drawn.length === this.names.length ? drawn.slice(1) : drawn
    const text = (ns: bigint | null): string => `'${formatInstant(ns!).replace('Z', '')}'`
    const sql = rows.map(({ event, created, columns }) => {
      const { origin, id, gone, delay, seats } = columns
      return `('${origin}', ${text(event)}, ${text(created)}, ${id === null ? 'NULL' : `'${id}'`}, ${gone}, ${delay}, ${seats})`
    })
    await rig.commit(this.bundle, hour, sql, held)
    const start = since + BigInt(hour) * hourNs
    this.commits.set(hour, { start, end: start + hourNs, rows, held, isRejected: false })
    this.log.push(
      `commit ${hour} without ${held}: ${rows.map((row) => Object.values(row.columns).join(' ')).join('; ')}`,
    )
  }

  async decideOne(): Promise<void> {
    const undecided = [...this.commits].filter(([, { held, isRejected }]) => held.length > 0 && !isRejected)
    if (undecided.length === 0) return
    const [hour, commit] = undecided[this.pick(undecided.length)]!
    const action = this.pick(2) === 0 ? 'accept' : 'reject'
    await rig.decide(this.bundle, hour, action)
    this.commits.set(hour, action === 'accept' ? { ...commit, held: [] } : { ...commit, isRejected: true })
    this.log.push(`${action} ${hour}`)
  }

  /** Some hours come before older ones, some run again. */
  async play(hours: number, look: (now: bigint) => Promise<readonly Shown[]>): Promise<void> {
    const waiting = Array.from({ length: hours }, (_, hour) => hour)
    const key = { view: this.bundle.view.name, version: 1 }
    while (waiting.length > 0) {
      const [hour] = waiting.splice(this.pick(4) === 0 && waiting.length > 1 ? 1 : 0, 1)
      await this.commit(hour!)
      if (this.pick(5) === 0) await this.commit([...this.commits.keys()][this.pick(this.commits.size)]!)
      if (this.pick(2) === 0) await this.decideOne()
      if (this.pick(4) === 0 && waiting.length > 0) continue
      const { kind } = await rig.publish(this.bundle)
      this.log.push(`publish: ${kind}`)
      if (kind !== 'finished') continue
      const at = (await rig.deps.ledger.lastPublish(key))!.finishedAt
      this.shown.push({ at, values: await look(at) })
    }
  }

  get told(): string {
    return `seed ${seed}, ${this.bundle.view.name}\n${this.log.join('\n')}\n`
  }

  /** R30: at every moment that something was shown at, what was shown. */
  async compareAsPublished(): Promise<void> {
    const past = this.shown.flatMap(({ at }) => origins.map((origin) => ({ at, origin })))
    const trained = await trainOnRig(rig.deps, this.bundle, 'as-published', past)
    expect(
      trained.map((one) => this.#answers(one)),
      this.told,
    ).toEqual(this.shown.flatMap(({ values }) => values))
  }

  async compareNow(mode: 'knowable' | 'as-served', expected: (origin: string, at: bigint, name: string) => Answer) {
    const times = Array.from({ length: 12 }, () => since + BigInt(this.pick(700)) * minuteNs)
    const asked = times.flatMap((at) => origins.map((origin) => ({ at, origin })))
    const trained = await trainOnRig(rig.deps, this.bundle, mode, asked)
    expect(
      trained.map((one) => this.#answers(one)),
      `${mode} ${this.told}`,
    ).toEqual(asked.map(({ at, origin }) => this.names.map((name) => expected(origin, at, name))))
  }

  #answers(values: Readonly<Record<string, unknown>>): Shown {
    return this.names.map((name) => asAnswer(values[name] ?? null))
  }

  async read(origin: string, now: bigint) {
    const read = await rig.read(this.bundle, [origin], now)
    /** What is said of a feature alone. */
    const apart = (name: string) => {
      const own = read.features?.[name]
      return own ? { status: own.status, eventAt: own.eventAt } : null
    }
    return { ...read, apart, answers: this.#answers(read.values) }
  }
}

/** The end of the newest hour. */
const floor = (at: bigint) => at - ((at - since) % hourNs)
const lives = (many: number) => Array.from({ length: casesOf(many) }, (_, at) => seededRandom(seed + at))

test('R35, R1, R18, R19, R30: lookups with redeliveries show the newest row that has the feature accepted', async () => {
  for (const random of lives(3)) {
    const life = new Life(bundleOf('lookup'), random)
    const newest = (origin: string, name: string, at = endOfTime) =>
      lookupRow(rowsToLookUp(life.rows, life.all, name, { areTiesSettled: false }), [origin], at, rules)
    await life.play(7, async (now) => {
      const all: Shown[] = []
      for (const origin of origins) {
        const read = await life.read(origin, now)
        const row = newest(origin, '')
        expect([origin, read.status], life.told).toEqual([origin, row === null ? 'missing' : 'present'])
        const expected = life.names.map((name) => (row === null ? null : (newest(origin, name)?.columns[name] ?? null)))
        expect([origin, ...read.answers], life.told).toEqual([origin, ...expected])
        for (const name of row === null ? [] : life.names) {
          const own = newest(origin, name)
          const held = own?.event === row!.event ? null : { status: 'held', eventAt: own && formatInstant(own.event!) }
          expect([origin, name, read.apart(name)], life.told).toEqual([origin, name, held])
        }
        all.push(read.answers)
      }
      return all
    })
    await life.compareAsPublished()
    const seen = (origin: string, name: string, at: bigint) =>
      newest(origin, '', at) === null ? null : (newest(origin, name, at)?.columns[name] ?? null)
    await life.compareNow('knowable', (origin, at, name) => seen(origin, name, at))
    await life.compareNow('as-served', (origin, at, name) => seen(origin, name, floor(at) - 1n))
  }
}, 120_000)

test.each(['block', 'mark', 'coarse', 'expiring'] as const)(
  'R35, R29, R30, R32: windows (%s) are shown at the end that the feature reaches whole, and were as published',
  async (kind) => {
    for (const random of lives(2)) {
      const life = new Life(bundleOf(kind), random)
      const features = life.bundle.view.features as readonly WindowFeature[]
      const { source, view } = life.bundle
      const grid = { since, everyNs: hourNs, onGap: view.onGap }
      const input = () => ({ features, source, rules, rows: life.rows, commits: life.all })
      const isExpired = (now: bigint, end: bigint | null) =>
        end !== null && view.ttl !== null && now - end > parseDuration(view.ttl)
      const nothing = nothingOf(features, source)
      await life.play(9, async (now) => {
        const endAt = shownEnd(life.all, '', null, grid)!
        const all: Shown[] = []
        for (const origin of origins) {
          const read = await life.read(origin, now)
          const shown = isExpired(now, endAt) ? null : shownWindows({ ...input(), grid, endAt }, [origin])
          const expected = features.map(({ name }, place) => {
            const own = shown?.get(name)
            return own === undefined || isExpired(now, own.endAt) ? nothing[place] : own.value
          })
          expect([origin, read.eventAt, ...read.answers], life.told).toEqual([
            ...[origin, formatInstant(endAt)],
            ...expected,
          ])
          for (const [name, own] of shown ?? []) {
            const status = isExpired(now, own.endAt) ? 'expired' : kind === 'mark' ? 'partial' : 'held'
            const held = own.isHeld ? { status, eventAt: own.endAt === null ? null : formatInstant(own.endAt) } : null
            expect([origin, name, read.apart(name)], life.told).toEqual([origin, name, held])
          }
          all.push(read.answers)
        }
        return all
      })
      await life.compareAsPublished()
      const featureOf = (name: string) => features.find((one) => one.name === name)!
      for (const mode of ['knowable', 'as-served'] as const)
        await life.compareNow(mode, (origin, at, name) => windowAt(input(), featureOf(name), [origin], floor(at)))
    }
  },
  120_000,
)
