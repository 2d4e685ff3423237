/**
 * R35 on the whole stack, with the lake in folders and in S3: a backfill some of whose intervals leave a feature out, one of them accepted and
 * one rejected afterwards; ledger, online and training sets against the slow reference.
 */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { decide } from '../../cli/commands/decide.js'
import { trainingSet } from '../../cli/commands/training-set.js'
import type { FeatureRepo, WindowFeature } from '../../core/define/definitions.js'
import { bundleFor, entity, featureView, lookup, parquet, t, window } from '../../core/define/index.js'
import { encodeKey, versionTableName } from '../../core/publish/index.js'
import { assembleVector } from '../../core/serve/index.js'
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
import { commandContext } from '../support/command-context.js'
import { hourStart, orderFile, shopSince } from '../support/shop-repo.js'
import { deliver, openWorld, startServersWithS3, type TestServersWithS3, type World } from '../support/world.js'

const hourNs = 3_600_000_000_000n
/** Of which the first six are run by a backfill, after the others. */
const [old, hours] = [6, 8]
const now = hourStart(hours)
const rejectedHour = 1
const acceptedHour = 3
const users = [1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n, 10n]
const unknownUser = 77n
const rules = { visibility: 'event', within: null, ttl: null } as const
const since = parseInstant(shopSince)
const grid = { since, everyNs: hourNs, onGap: 'block' } as const

let servers: TestServersWithS3

beforeAll(async () => {
  servers = await startServersWithS3()
})
afterAll(async () => {
  await servers?.stop()
})

function heldRepo(project: string): FeatureRepo {
  const user = entity('user', { keys: { user_id: t.int64() }, owner: 'shop' })
  const orders = parquet('orders', {
    path: 'orders/date={yyyy-MM-dd}/hour={HH}/*.parquet',
    eventTime: 'ts',
    schema: { ts: t.timestamp(), user_id: t.int64(), amount: t.int64().nullable(), item: t.string() },
    owner: 'shop',
  })
  const common = { version: 1, entity: user, source: orders, since: shopSince, every: '1h', owner: 'shop' } as const
  const alone = { max: 300, severity: 'hold-feature' } as const
  const latest = featureView('latest', {
    ...{ ...common, lookback: '48h', features: { amount: lookup(), item: lookup() } },
    checks: { features: { amount: alone } },
  })
  const recent = featureView('recent', {
    ...{ ...common, lookback: '48h', tile: '1h' },
    features: {
      orders_1h: window.count({ over: '1h' }),
      amount_max_2h: window.max('amount', { over: '2h' }),
      amounts: window.count('amount', { over: '8h' }),
      amount_sum: window.sum('amount', { over: '8h' }),
    },
    checks: { features: { amounts: alone, amount_sum: alone } },
  })
  return {
    ...{ project, entities: [user.definition], sources: [orders.definition], services: [] },
    views: [latest.definition, recent.definition],
  }
}

/** The last order of a user comes sooner or later; two have one alone. In the hours to be decided all are beyond the limit. */
function isThere(user: bigint, hour: number): boolean {
  if (user === 9n) return hour === acceptedHour
  if (user === 10n) return hour === rejectedHour
  return (Number(user) + hour) % 4 !== 0 && hour <= Number(user)
}

function rowsOf(hour: number): Row[] {
  const there = users.filter((user) => isThere(user, hour))
  return there.map((user): Row => {
    const event = since + BigInt(hour) * hourNs + user * 60_000_000_000n
    const isBeyond = [rejectedHour, acceptedHour].includes(hour)
    const columns = {
      ts: event,
      user_id: user,
      amount: BigInt(hour * 10) + user + (isBeyond ? 300n : 0n),
      item: `item ${hour}`,
    }
    return { key: [user], event, created: null, id: null, isDeleted: null, columns }
  })
}
const allRows = Array.from({ length: hours }, (_, hour) => rowsOf(hour)).flat()

async function deliverHour(world: World, sources: string, hour: number): Promise<void> {
  const rows = rowsOf(hour).map(
    ({ event, columns: { user_id: user, amount, item } }) =>
      `(make_timestamp_ns(${event}), ${user}::BIGINT, ${amount}::BIGINT, '${item}')`,
  )
  const sql = `SELECT * FROM (VALUES ${rows.join(', ')}) v(ts, user_id, amount, item)`
  await deliver(await world.ports.engine(), `${sources}/${orderFile(hour)}`, sql)
}

const views = ['latest', 'recent'] as const
type View = (typeof views)[number]
const features = heldRepo('test').views[1]!.features as readonly WindowFeature[]
const { schema } = heldRepo('test').sources[0]! as { readonly schema: Parameters<typeof nothingOf>[1]['schema'] }
const windows = (commits: readonly HoldingCommit[]) => ({ features, source: { schema }, rows: allRows, commits, rules })
const namesOf = (view: View) => (view === 'latest' ? ['amount', 'item'] : features.map(({ name }) => name))

/** By the book of the test: the hours, and what they leave out. */
function commitsOf(view: View, undecided: readonly number[], rejected: readonly number[]): HoldingCommit[] {
  const alone = view === 'latest' ? ['amount'] : ['amounts', 'amount_sum']
  return Array.from({ length: hours }, (_, hour): HoldingCommit => {
    const start = since + BigInt(hour) * hourNs
    const isOut = undecided.includes(hour) || rejected.includes(hour)
    return { start, end: start + hourNs, held: isOut ? alone : [], isRejected: rejected.includes(hour) }
  })
}

const newest = (commits: readonly HoldingCommit[], name: string, user: bigint, at: bigint) =>
  lookupRow(rowsToLookUp(allRows, commits, name, { areTiesSettled: true }), [user], at, rules)

interface Shown {
  readonly status: string
  readonly values: readonly Answer[]
  /** Of features that are shown apart. */
  readonly heldAt: readonly (string | null)[]
}

function expectedOf(view: View, commits: readonly HoldingCommit[], user: bigint): Shown {
  const endAt = since + BigInt(hours) * hourNs
  const text = (at: bigint | null | undefined) => (at == null ? 'never' : formatInstant(at))
  if (view === 'recent') {
    expect(shownEnd(commits, '', 8n * hourNs, grid)).toBe(endAt)
    const shown = shownWindows({ ...windows(commits), grid, endAt }, [user])
    if (shown === null)
      return { status: 'missing', values: nothingOf(features, { schema }), heldAt: features.map(() => null) }
    const all = [...shown.values()]
    return {
      ...{ status: 'present', values: all.map(({ value }) => value) },
      heldAt: all.map((one) => (one.isHeld ? text(one.endAt) : null)),
    }
  }
  const row = newest(commits, '', user, endAt)
  const own = namesOf(view).map((name) => [name, row === null ? null : newest(commits, name, user, endAt)] as const)
  return {
    status: row === null ? 'missing' : 'present',
    values: own.map(([name, found]) => found?.columns[name] ?? null),
    heldAt: own.map(([, found]) => (found?.event === row?.event ? null : text(found?.event))),
  }
}

async function readShown(world: World, project: string, view: View, user: bigint): Promise<Shown> {
  const [online, ledger] = [await world.ports.online(), await world.ports.ledger()]
  const bundle = bundleFor(heldRepo(project), view)
  const table = versionTableName(project, bundle.view, await ledger.onlineTable({ view, version: 1 }))
  const [item = null] = await online.getItems(table, [encodeKey(bundle.entity.keys, [user])])
  const read = assembleVector({ bundle, item, end: await online.getEnd(table), now: parseInstant(now) })
  return {
    status: read.status,
    values: namesOf(view).map((name) => asAnswer(read.values[name])),
    heldAt: namesOf(view).map((name) => {
      const own = read.features?.[name]
      return own === undefined ? null : (own.eventAt ?? 'never')
    }),
  }
}

async function comparedOnline(
  world: World,
  project: string,
  undecided: readonly number[],
  rejected: readonly number[],
) {
  const ledger = await world.ports.ledger()
  const shown: {
    readonly view: View
    readonly user: bigint
    readonly at: bigint
    readonly values: readonly Answer[]
  }[] = []
  for (const view of views) {
    const commits = commitsOf(view, undecided, rejected)
    const stored = await ledger.currentCommits({ view, version: 1 }, { start: since, end: parseInstant(now) })
    const inLedger = stored.map(({ interval, held, publishedSequence }): HoldingCommit & { isPublished: boolean } => ({
      ...{ ...interval, held: held?.features ?? [], isRejected: held?.isRejected ?? false },
      isPublished: publishedSequence !== null,
    }))
    expect(inLedger).toEqual(commits.map((commit) => ({ ...commit, isPublished: true })))
    const at = (await ledger.lastPublish({ view, version: 1 }))!.finishedAt
    for (const user of [...users, unknownUser]) {
      const read = await readShown(world, project, view, user)
      expect([view, user, read]).toEqual([view, user, expectedOf(view, commits, user)])
      shown.push({ view, user, at, values: read.values })
    }
  }
  return shown
}

async function train(
  world: World,
  project: string,
  asked: readonly { readonly user: bigint; readonly at: bigint }[],
  asPublished: boolean,
) {
  const [spine, out] = [join(world.dir, 'spine.parquet'), join(world.dir, 'set.parquet')]
  const engine = await world.ports.engine()
  const rows = asked.map(({ user, at }, place) => `(${place}, ${user}::BIGINT, make_timestamp_ns(${at}))`)
  await engine.withSession((session) =>
    session.execute({
      sql: `COPY (SELECT * FROM (VALUES ${rows.join(', ')}) v(n, user_id, t)) TO '${spine}' (FORMAT parquet)`,
    }),
  )
  const context = { ...commandContext(world.ports), project }
  const asks = { spine, eventTime: 't', features: views.map((view) => `${view}:*`), out, overwrite: true, asPublished }
  await trainingSet(context, asks)
  const found = await engine.withSession((session) => session.all({ sql: `SELECT * FROM '${out}' ORDER BY n` }))
  return (view: View, place: number): Answer[] =>
    namesOf(view).map((name) => asAnswer(found[place]![`${view}__${name}`] ?? null))
}

test.each(['folders', 's3'] as const)(
  'R35, R34, R37, R30: of a backfill hours that leave a feature out are shown, decided on and learned from as the reference says (%s)',
  async (place) => {
    const project = `held_${place}`
    const dir = mkdtempSync(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), `${project}-`))
    const isS3 = place === 's3'
    const { s3 } = servers
    const buckets = isS3 ? [`s3://${await s3.newBucket('lake')}/a`, `s3://${await s3.newBucket('sources')}`] : null
    const given = buckets ? { ...s3.environment, MILLCOURSE_LAKE: buckets[0]!, MILLCOURSE_SOURCES: buckets[1]! } : {}
    const world = await openWorld(servers, project, dir, heldRepo, given)
    const sources = buckets?.[1] ?? join(dir, 'sources')
    try {
      await world.startWorker()
      const [control, ledger] = [await world.ports.runControl(), await world.ports.ledger()]
      for (let hour = 0; hour < hours; hour++) await deliverHour(world, sources, hour)
      const recent = { from: hourStart(old), to: now }
      for (const view of views) await control.tick({ view, now, kind: 'manual', range: recent, runsMax: 50 })
      await expect
        .poll(async () => (await ledger.lastPublish({ view: 'latest', version: 1 }))?.sequence ?? null, {
          timeout: 60_000,
        })
        .not.toBeNull()
      for (const view of views) {
        const options = { order: 'oldest', isForced: false, onFailure: 'continue', atOnce: 3 } as const
        const range = { from: hourStart(0), to: hourStart(old) }
        const { planId } = await control.planBackfill({ view, range, options, now })
        await control.startBackfill({ planId, by: 'ann', reason: 'old hours', costMax: null, now })
        await expect
          .poll(async () => (await ledger.backfill(planId))?.endedAt ?? null, { timeout: 120_000, interval: 200 })
          .not.toBeNull()
        expect(await ledger.backfill(planId)).toMatchObject({ state: 'done', error: null })
        expect(await ledger.backfillProgress(planId)).toMatchObject({ total: old, done: old, unpublished: 0 })
      }
      await world.settle(now)
      const before = await comparedOnline(world, project, [rejectedHour, acceptedHour], [])
      const context = { ...commandContext(world.ports), project, pretendedNow: now }
      for (const view of views)
        for (const [hour, action] of [[rejectedHour, 'reject'] as const, [acceptedHour, 'accept'] as const]) {
          const options = { reason: 'looked at', wait: true }
          expect(await decide(context, `${view}@${hourStart(hour)}`, action, options)).toMatchObject({
            outcome: 'done',
          })
        }
      await world.settle(now)
      const after = await comparedOnline(world, project, [], [rejectedHour])
      expect(after.map(({ values }) => values)).not.toEqual(before.map(({ values }) => values))

      const published = await train(world, project, [...before, ...after], true)
      for (const [at, { view, values, user }] of [...before, ...after].entries())
        expect([view, user, published(view, at)]).toEqual([view, user, values])
      const asked = [...users, unknownUser].flatMap((user) =>
        [1n, 2n, 4n, 7n, 8n].map((hour) => ({ user, at: since + hour * hourNs })),
      )
      const knowable = await train(world, project, asked, false)
      for (const [index, { user, at }] of asked.entries()) {
        const looked = commitsOf('latest', [], [rejectedHour])
        const values = namesOf('latest').map((name) => newest(looked, name, user, at)?.columns[name] ?? null)
        expect([user, at, knowable('latest', index)]).toEqual([user, at, values])
        const input = windows(commitsOf('recent', [], [rejectedHour]))
        const counted = features.map((feature) => windowAt(input, feature, [user], at))
        expect([user, at, knowable('recent', index)]).toEqual([user, at, counted])
      }
    } finally {
      await world.close()
    }
  },
  300_000,
)
