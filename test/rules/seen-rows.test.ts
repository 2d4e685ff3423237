/** R1, R2, R4-R6, R16-R19, R22: which row a lookup sees, each edge a nanosecond to both sides. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { featureView, lookup } from '../../core/define/index.js'
import { parseInstant } from '../../core/time/instant.js'
import { account, Bench, hour, sourceOf } from '../reference/generated-history.js'
import { amountsAt, commit, lookupView, plain, publishedRows, seenAt, trainingRows } from './rows-and-answers.js'

let bench: Bench
beforeAll(async () => {
  bench = await Bench.open()
})
afterAll(() => bench.close())

const amounts = (...args: Parameters<typeof amountsAt> extends [unknown, ...infer Rest] ? Rest : never) =>
  amountsAt(bench, ...args)

describe('which row is seen', () => {
  test('R1: the latest row at or before t, not by a nanosecond later, before 1970 as after', async () => {
    for (const at of [-200_000n * hour, 0n, 9_007_199_254_740_993n, 300_000n * hour]) {
      const files = [
        [
          { event: at + 10n, amount: 2n },
          { event: at, amount: 1n },
        ],
      ]
      expect(await amounts({ files }, [at - 1n, at, at + 1n, at + 9n, at + 10n, at + 11n])).toEqual([
        ...[null, 1n, 1n, 1n, 2n, 2n],
      ])
    }
  })

  test('R1: at the first instant of the view, before it, and on both sides of the span that times are compared in', async () => {
    const since = parseInstant('1909-01-01T00:00:00Z')
    const far = since + 2n * 10n ** 18n
    const files = [
      [
        { event: since, amount: 1n },
        { event: far - 3n, amount: 2n },
        { event: far - 2n, amount: 3n },
      ],
    ]
    expect(await amounts({ files }, [since - 10n ** 17n, since - 1n, since, far - 4n])).toEqual([null, null, 1n, 1n])
    expect(await amounts({ files }, [since - 1n, since, far - 3n])).toEqual([null, 1n, 2n])
    expect(await amounts({ files }, [since - 1n, since, far - 3n, far - 2n, far])).toEqual([null, 1n, 2n, 3n, 3n])
  })

  test('R1: neighbours of another key are never seen, nor rows of the same time of theirs', async () => {
    const files = [[{ event: 0n, amount: 1n, key: [1n, 'b'] }], [{ event: 0n, amount: 2n, key: [2n, 'a'] }]] as const
    const asked = [
      [1n, 'a'],
      [1n, 'b'],
      [2n, 'a'],
      [2n, 'b'],
    ] as const
    expect(
      await amounts(
        { files },
        asked.map((key) => ({ t: 5n, key })),
      ),
    ).toEqual([null, 1n, 2n, null])
  })

  test('R2: a row is served while its age is at most the ttl, from each row of the spine on', async () => {
    const files = [
      [
        { event: 0n, amount: 1n },
        { event: hour, amount: 2n },
      ],
    ]
    const times = [2n * hour, 2n * hour + 1n, 3n * hour - 1n, 3n * hour, 3n * hour + 1n]
    expect(await amounts({ files, ttl: '2h' }, [-1n, 0n, hour - 1n, ...times])).toEqual([
      ...[null, 1n, 1n, 2n, 2n, 2n, 2n, null],
    ])
    expect(await amounts({ files }, [400_000n * hour])).toEqual([2n])
  })

  test('R2: an expired row shows nothing older, and none of the two visibilities serves it', async () => {
    const files = [
      [
        { event: 0n, created: 0n, amount: 1n },
        { event: 1n, created: 1n, amount: 2n },
      ],
    ]
    for (const shape of [
      plain,
      { ...plain, visibility: 'created' as const },
      { ...plain, visibility: 'created' as const, hasId: true },
    ])
      expect(await amounts({ files, shape, ttl: '2h' }, [2n * hour + 1n, 2n * hour + 2n])).toEqual([2n, null])
  })

  test.each(['0s', '-1h', '0h'])('R2: a ttl of %s is refused', (ttl) => {
    const source = sourceOf(plain)
    const features = { amount: lookup() }
    const shared = { version: 1, entity: account, source, features, since: '2001-01-01T00:00:00Z', owner: 'test' }
    expect(() => featureView('v', { ...shared, every: '1h', ttl: ttl as '1h' })).toThrow(/ttl/)
  })
})

describe('nulls', () => {
  test('R4: a source row without a time is never seen, and is counted', async () => {
    await bench.engine.withSession(async (session) => {
      const given = {
        files: [
          [
            { event: null, created: 0n, amount: 9n },
            { event: 1n, amount: 1n },
          ],
        ],
      }
      const bundle = lookupView(given)
      const { files, counts } = await commit(bench, session, bundle, given)
      expect(counts).toMatchObject([{ read: 2, kept: 1, rejected: { null_event_time: 1, null_key: 0 } }])
      const rows = await trainingRows(bench, session, { bundle, files }, [{ t: 0n }, { t: 1n }, { t: 9_999n * hour }])
      expect(rows.map((row) => row.latest__amount)).toEqual([null, 1n, 1n])
    })
  })

  test('R5: a null in any part of a key matches nothing, not another null', async () => {
    const keys = [
      [null, 'a'],
      [1n, null],
      [null, null],
      [1n, 'a'],
    ] as const
    const files = [keys.map((key) => ({ key, event: 0n, amount: 1n }))]
    expect(
      await amounts(
        { files },
        keys.map((key) => ({ t: 0n, key })),
      ),
    ).toEqual([null, null, null, 1n])
    const online = await publishedRows(bench, { files })
    expect(online.map(({ shop, code }) => [shop, code])).toEqual([[1n, 'a']])
    await bench.engine.withSession(async (session) => {
      const { counts } = await commit(bench, session, lookupView({ files }), { files })
      expect(counts).toMatchObject([{ read: 4, kept: 1, rejected: { null_key: 3, null_event_time: 0 } }])
    })
  })

  test('R6: a null in the latest row is the answer, and all features come from that row', async () => {
    const older = { event: 0n, amount: 1n, rate: 1, label: 'x', flag: true, seen: 5n }
    const newer = { event: 1n, amount: null, rate: 2, label: null, flag: null, seen: null }
    const files = [[older, newer]]
    const { event, ...values } = newer
    expect(await seenAt(bench, { files }, [1n, hour])).toMatchObject([values, values])
    expect(await publishedRows(bench, { files })).toMatchObject([{ ...values, __event_ns: 1n, __is_deleted: false }])
  })

  test('R6: false, 0 and an empty string are values', async () => {
    const files = [
      [
        { event: 0n, amount: 1n, rate: 1, label: 'x', flag: true },
        { event: 1n, amount: 0n, rate: -0, label: '', flag: false },
      ],
    ]
    expect(await seenAt(bench, { files }, [1n])).toMatchObject([{ amount: 0n, rate: -0, label: '', flag: false }])
  })
})

describe('what was known', () => {
  const created = { ...plain, visibility: 'created' as const }

  test('R16: under event visibility a correction counts from its event time, whenever it was written', async () => {
    const files = [
      [
        { event: 0n, created: 0n, amount: 1n },
        { event: 0n, created: 9n * hour, amount: 2n },
        { event: 5n, created: null, amount: 3n },
      ],
    ]
    expect(await amounts({ files }, [-1n, 0n, 4n, 5n])).toEqual([null, 2n, 2n, 3n])
  })

  test('R16: under created visibility from the later of both times, to the nanosecond', async () => {
    const files = [
      [
        { event: 0n, created: 10n, amount: 1n },
        { event: 5n, created: 30n, amount: 2n },
        // Written down before it happens.
        { event: 50n, created: 20n, amount: 3n },
        { event: 60n, created: null, amount: 4n },
      ],
    ]
    const times = [0n, 9n, 10n, 29n, 30n, 49n, 50n, 99n]
    expect(await amounts({ files, shape: created }, times)).toEqual([null, null, 1n, 1n, 2n, 2n, 3n, 3n])
  })

  test('R16: a newer row that was not yet written hides nothing', async () => {
    const files = [
      [
        { event: 0n, created: 0n, amount: 1n },
        { event: 5n, created: hour, amount: 2n },
        { event: 3n, created: 10n, amount: 3n },
      ],
    ]
    const times = [5n, 9n, 10n, hour - 1n, hour]
    expect(await amounts({ files, shape: created }, times)).toEqual([1n, 1n, 3n, 3n, 2n])
  })

  test('R17: a late row counts once its interval is committed anew; under created visibility from its created time on', async () => {
    const early = [{ event: 0n, created: 0n, amount: 1n }]
    const late = [{ event: 5n, created: 3n * hour, amount: 2n }]
    const times = [5n, 3n * hour - 1n, 3n * hour]
    expect(await amounts({ files: [early] }, times)).toEqual([1n, 1n, 1n])
    expect(await amounts({ files: [early, late] }, times)).toEqual([2n, 2n, 2n])
    expect(await amounts({ files: [early, late], shape: created }, times)).toEqual([1n, 1n, 2n])
  })
})

describe('deletions and deliveries', () => {
  const deleting = { ...plain, hasTombstone: true }

  test('R18: a tombstone hides the value from its time on, until a newer row; null is not deleted', async () => {
    const files = [
      [
        { event: 0n, amount: 1n, gone: null },
        { event: 10n, amount: 2n, gone: true },
        { event: 20n, amount: 3n, gone: false },
      ],
    ]
    const times = [9n, 10n, 19n, 20n]
    expect(await amounts({ files, shape: deleting }, times)).toEqual([1n, null, null, 3n])
    // Without the word of the source the column is one like any other.
    expect(await amounts({ files }, times)).toEqual([1n, 2n, 2n, 3n])
  })

  test('R18: online a key whose newest row is a tombstone is deleted at its time, whatever older rows it has', async () => {
    const files = [[{ event: 10n, amount: 2n, gone: true }], [{ event: 0n, amount: 1n }]]
    expect(await publishedRows(bench, { files, shape: deleting })).toMatchObject([
      { amount: null, __event_ns: 10n, __is_deleted: true },
    ])
  })

  test('R18: under created visibility a tombstone hides from when it was known', async () => {
    const files = [
      [
        { event: 0n, created: 0n, amount: 1n },
        { event: 5n, created: hour, amount: 2n, gone: true },
      ],
    ]
    const shape = { ...deleting, visibility: 'created' as const }
    expect(await amounts({ files, shape }, [5n, hour - 1n, hour])).toEqual([1n, 1n, null])
  })

  const identified = { ...plain, hasId: true }

  test('R19: of one id the delivery created last counts, at its own time, whatever its event time', async () => {
    const files = [
      [
        { event: 10n, created: 1n, id: 'x', amount: 1n },
        { event: 5n, created: 2n, id: 'x', amount: 2n },
      ],
    ]
    for (const order of [files, [files[0]!.toReversed()], files[0]!.map((row) => [row])])
      expect(await amounts({ files: order, shape: identified }, [4n, 5n, 9n, 10n])).toEqual([null, 2n, 2n, 2n])
    // Without ids every row counts.
    expect(await amounts({ files }, [5n, 10n])).toEqual([2n, 1n])
  })

  test('R19: under created visibility a delivery counts from when it is known until the next one is, to the nanosecond', async () => {
    const files = [
      [
        { event: 0n, created: 10n, id: 'x', amount: 1n },
        { event: 5n, created: hour, id: 'x', amount: 2n },
        // Of an earlier time: at once the only one that counts.
        { event: 1n, created: 2n * hour, id: 'x', amount: 3n },
        { event: 3n, created: null, id: 'x', amount: 4n },
      ],
    ]
    const shape = { ...identified, visibility: 'created' as const }
    const times = [9n, 10n, hour - 1n, hour, 2n * hour - 1n, 2n * hour]
    expect(await amounts({ files, shape }, times)).toEqual([null, 1n, 1n, 2n, 2n, 3n])
  })

  test('R19: a null id is no id, and one id of two keys is two events', async () => {
    const rows = [
      { event: 0n, created: 1n, id: null, amount: 1n },
      { event: 5n, created: 0n, id: null, amount: 2n },
      { event: 7n, created: 0n, id: 'x', amount: 3n },
      { event: 1n, created: 9n, id: 'x', amount: 4n, key: [2n, 'a'] },
    ] as const
    const asked = [{ t: 0n }, { t: 5n }, { t: 7n }, { t: 7n, key: [2n, 'a'] }] as const
    expect(await amounts({ files: [rows], shape: identified }, asked)).toEqual([1n, 2n, 3n, 4n])
  })
})

describe('online', () => {
  test('R22: shows of each key the newest committed row, in whatever order intervals were committed', async () => {
    const intervals = [0n, 1n, 2n].map((at) => ({ start: at * hour, end: (at + 1n) * hour }))
    const files = [
      [
        { event: 0n, amount: 1n },
        { event: hour, amount: 2n },
        { event: hour + 1n, amount: 3n },
        { event: 2n * hour - 1n, amount: 4n },
        { event: 5n, amount: 5n, key: [2n, 'a'] as const },
      ],
    ]
    for (const order of [intervals, intervals.toReversed(), [intervals[1]!, intervals[0]!, intervals[2]!]]) {
      const online = await publishedRows(bench, { files, intervals: order })
      const byKey = online.toSorted((a, b) => Number(a.shop) - Number(b.shop))
      expect(byKey).toMatchObject([
        { amount: 4n, __event_ns: 2n * hour - 1n },
        { amount: 5n, __event_ns: 5n },
      ])
    }
  })
})
