/** What is online, and what a read or a training set makes of it: R22, R25, R29-R34, R36. */
import { type Mutation, mutationsOf } from './mutation.js'

const serve = ['core/serve/serve.test.ts']
const end = ['core/publish/publish-end.property.test.ts']
const publishes = ['test/contract/ledger-publishes.contract.test.ts']
const open = ['test/contract/ledger-open-backfills.contract.test.ts']
const online = ['test/faults/publish-online.test.ts']

const vector = 'core/serve/assemble-vector.ts'
const chosenEnd = 'core/publish/publish-end.ts'
const delta = 'core/publish/delta-sql.ts'
const served = 'core/compute/training-served.ts'
const leftOut = 'adapters/postgres/left-out-commits.ts'
const lease = 'adapters/postgres/publishes.ts'

const groups = 'core/compute/feature-groups.ts'

export const mutationsOfPublishing: readonly Mutation[] = [
  ...mutationsOf(
    'R35',
    ['core/compute/feature-groups.test.ts'],
    [
      {
        breaks: 'a feature is read from commits that leave it out',
        file: groups,
        before: 'commits.filter(({ commitId }) => !isOut.has(commitId))',
        after: 'commits.filter(({ commitId }) => !isOut.has(-commitId - 1n))',
      },
      {
        breaks: 'a deletion is left out with the feature',
        file: groups,
        before: 'return [...files, ...deleting]',
        after: 'return deleting.length < 0 ? deleting : files',
      },
    ],
  ),
  ...mutationsOf(
    'R35',
    ['core/judge/decide-findings.test.ts'],
    [
      {
        breaks: 'a feature that the interval has accepted is taken back',
        file: 'core/judge/decide-findings.ts',
        before: '|| [...failing].some((feature) => !alone.includes(feature))',
        after: '',
      },
    ],
  ),
  ...mutationsOf(
    'R35',
    ['core/publish/held-windows.test.ts'],
    [
      {
        breaks: 'a held window goes on over its gap',
        file: 'core/publish/held-windows.ts',
        before: 'const whole = shown.filter(({ start }) => !gaps.has(start))',
        after: 'const whole = shown',
      },
    ],
  ),
  ...mutationsOf(
    'R35',
    ['test/faults/publish-held.test.ts'],
    [
      {
        breaks: 'a rejected count is null where nothing is counted',
        file: 'core/publish/held-values.ts',
        before: 'group === undefined || group.isAtOlderEnd ? found',
        after: 'group !== answered[0] ? found',
      },
      {
        breaks: 'a tombstone that lost its tie takes features away',
        file: 'core/compute/committed-rows.ts',
        before: 'all([isTieWinner(bundle), isDeleted(bundle)])',
        after: "all([operation('isNotNull', isTieWinner(bundle)), isDeleted(bundle)])",
      },
      {
        breaks: 'in a training set as published a held count is null of a key that was missing',
        file: 'core/compute/training-set.ts',
        before: 'cases([[isMissing, literal(nothing)]], column(name))',
        after: 'column(name)',
      },
    ],
  ),
  ...mutationsOf('R35', serve, [
    {
      breaks: 'a held value is as old as its row',
      file: vector,
      before: '...agedAt(at, now), missingIntervals: missing }',
      after: '...agedAt(now, now), missingIntervals: missing }',
    },
  ]),
  ...mutationsOf(
    'R22',
    ['test/rules/seen-rows.test.ts'],
    [
      {
        breaks: 'the oldest committed row of a key is shown',
        file: 'core/compute/latest-rows.ts',
        before: "aggregate('max', column(eventColumn))",
        after: "aggregate('min', column(eventColumn))",
      },
    ],
  ),
  ...mutationsOf('R22', online, [
    {
      breaks: 'a backfill of an old interval overwrites newer values',
      file: delta,
      before: '(p.event_ns IS NULL OR c.event_ns >= p.event_ns)',
      after: 'true',
    },
    {
      breaks: 'a value that does not differ is written again',
      file: delta,
      before: "AND a.digest IS NOT DISTINCT FROM p.digest THEN 'unchanged'",
      after: "AND a.digest IS NOT DISTINCT FROM p.digest THEN 'published'",
    },
  ]),
  ...mutationsOf('R25', serve, [
    {
      breaks: 'an expired value is said to be missing',
      file: vector,
      before: "return read('expired', null)",
      after: "return read('missing', null)",
    },
    {
      breaks: 'a ttl is left to the store',
      file: vector,
      before: 'if (view.ttl !== null && age !== null &&',
      after: 'if (view.ttl === null && age !== null &&',
    },
  ]),
  ...mutationsOf('R29', end, [
    {
      breaks: 'E moves back',
      file: chosenEnd,
      before: '(floorAt !== null && chosen < floorAt)',
      after: 'false',
    },
  ]),
  ...mutationsOf('R29', serve, [
    {
      breaks: 'a window value is as old as its item',
      file: vector,
      before: 'const eventAt = isWindow ? (end?.endAt ?? null) :',
      after: 'const eventAt = isWindow ? (item?.eventAt ?? null) :',
    },
  ]),
  ...mutationsOf(
    'R29',
    ['test/contract/read-order.test.ts'],
    [
      {
        breaks: 'items are believed beside an end that was not seen before',
        file: 'core/serve/items-at-end.ts',
        before: 'return known !== undefined && end.sequence === known.sequence && end.endAt === known.endAt',
        after: 'return end !== known',
      },
    ],
  ),
  ...mutationsOf(
    'R30',
    ['test/reference/served-training-sets.test.ts'],
    [
      {
        breaks: 'a lookup sees the row at the end that was published',
        file: served,
        before: "return operation('-', end, literal(1n))",
        after: 'return end',
      },
      {
        breaks: 'the publishing lag is not counted',
        file: served,
        before: "operation('-', operation('-', t, literal(parseDuration(view.lag))), since)",
        after: "operation('-', t, since)",
      },
      {
        breaks: 'a publish recorded at t itself is not met',
        file: served,
        before: "operation('>=', column(timeColumn, 'spine'), column(recordedColumn, 'publish'))",
        after: "operation('>', column(timeColumn, 'spine'), column(recordedColumn, 'publish'))",
      },
    ],
  ),
  ...mutationsOf('R31', publishes, [
    {
      breaks: 'what was shown of a covered interval is not named',
      file: 'adapters/postgres/publish-contents.ts',
      before: ".where('published_sequence', '<', sequence)",
      after: ".where('published_sequence', '>', sequence)",
    },
  ]),
  ...mutationsOf('R31', online, [
    {
      breaks: 'a row that a rerun no longer finds stays online',
      file: delta,
      before: "WHEN p.event_ns IS NOT NULL AND (${inAffected}) THEN 'history'",
      after: "WHEN p.event_ns IS NOT NULL AND (${inAffected}) THEN 'stays'",
    },
  ]),
  ...mutationsOf('R32', end, [
    {
      breaks: 'a gap blocks nothing',
      file: chosenEnd,
      before: 'if (wholeFrom <= reachedSpan(interval.end, window, since).start) newest',
      after: 'newest',
    },
    {
      breaks: 'a published gap is not named',
      file: chosenEnd,
      before: '(interval) => !present.has(interval.start),',
      after: '(interval) => present.has(interval.end),',
    },
  ]),
  ...mutationsOf('R32', serve, [
    {
      breaks: 'an answer over a gap is present',
      file: vector,
      before: "end.missing.length > 0 ? 'partial' : 'present'",
      after: "end.missing.length > 0 ? 'present' : 'present'",
    },
  ]),
  ...mutationsOf('R33', publishes, [
    {
      breaks: 'a publish marks commits that came while it was open',
      file: 'adapters/postgres/finish-publish.ts',
      before: 'sql<boolean>`commit_id = any(${publish.covered}::bigint[])`',
      after: 'sql<boolean>`view = ${publish.view}`',
    },
    {
      breaks: 'a finished publish marks nothing',
      file: 'adapters/postgres/finish-publish.ts',
      before: '.set({ published_sequence: publish.sequence })',
      after: '.set({ published_sequence: null })',
    },
  ]),
  ...mutationsOf('R33', open, [
    {
      breaks: 'a publish shows what an open backfill has committed',
      file: leftOut,
      before: 'if (own === undefined || open.length === 0) return { ...none, backfills: open }',
      after: 'if (own === undefined || open.length === 0) return none',
    },
  ]),
  ...mutationsOf('R34', open, [
    {
      breaks: 'a backfill publishes windows in parts',
      file: leftOut,
      before: 'if (isFirst || request.window !== null)',
      after: 'if (isFirst)',
    },
  ]),
  ...mutationsOf('R36', publishes, [
    {
      breaks: 'a heartbeat from the future counts',
      file: lease,
      before: 'lease_renewed_at <= clock_timestamp()\n  and clock_timestamp()',
      after: 'clock_timestamp()',
    },
    {
      breaks: 'a lease is overtaken while it is renewed',
      file: lease,
      before: 'if (lease.isLive && !isOwn)',
      after: 'if (!lease.isLive && !isOwn)',
    },
    {
      breaks: 'a publisher without the lease writes to the ledger',
      file: 'adapters/postgres/held-lease.ts',
      before: 'view.lease_sequence !== sequence || view.lease_owner !== owner',
      after: 'false',
    },
    {
      breaks: 'what an unfinished publish may have written is forgotten',
      file: 'adapters/postgres/publish-contents.ts',
      before: 'return rows.flatMap((row) => (row.delta === null ? [] : [row.delta]))',
      after: 'return rows.flatMap((row) => (row.delta === null ? [row.delta!] : []))',
    },
  ]),
  ...mutationsOf(
    'R36',
    ['test/contract/online-store.contract.test.ts'],
    [
      {
        breaks: 'a late write with a lower sequence lands',
        file: 'adapters/dynamodb/item-writer.ts',
        before: "'NOT attribute_type(#seq, :number) OR #seq <= :seq'",
        after: "'NOT attribute_type(#seq, :number) OR #seq <= :seq OR #seq > :seq'",
      },
      {
        breaks: 'by PartiQL, a late write with a lower sequence lands',
        file: 'adapters/dynamodb/statements.ts',
        before: ' WHERE "pk"=? AND "seq"<=?`',
        after: ' WHERE "pk"=? AND ("seq"<=? OR "seq">0)`',
      },
    ],
  ),
  ...mutationsOf(
    'R36',
    ['core/publish/publish.test.ts'],
    [
      {
        breaks: 'an empty item never expires',
        file: 'core/publish/online-expiry.ts',
        before: 'if (item.isEmpty) return seconds(item.realNow + graceNs)',
        after: 'if (item.isEmpty) return null',
      },
      {
        breaks: 'a lookup item expires with its ttl',
        file: 'core/publish/online-expiry.ts',
        before: 'return seconds(expiredAt + graceNs)',
        after: 'return seconds(expiredAt)',
      },
    ],
  ),
]
