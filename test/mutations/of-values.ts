/** Which rows are seen and what windows answer: R1-R9, R16-R19. */
import { type Mutation, mutationsOf } from './mutation.js'

const seen = ['test/rules/seen-rows.test.ts']
const ties = ['test/rules/ties.test.ts']
const windows = ['test/rules/windows.test.ts']
const serve = ['core/serve/serve.test.ts']
const served = ['test/reference/served-training-sets.test.ts']
const intervalRows = ['test/reference/interval-rows.test.ts']
const requests = ['test/reference/training-requests.test.ts']

const lookup = 'core/compute/training-lookup-event.ts'
const byKnown = 'core/compute/training-lookup.ts'
const order = 'core/compute/row-order.ts'
const committed = 'core/compute/committed-rows.ts'
const window = 'core/compute/training-window.ts'
const tiles = 'core/compute/tile-rows.ts'
const published = 'core/compute/window-values.ts'
const asServed = 'core/compute/training-served.ts'
const vector = 'core/serve/assemble-vector.ts'

export const mutationsOfValues: readonly Mutation[] = [
  ...mutationsOf('R1', seen, [
    {
      breaks: 'a row at t itself is not seen',
      file: lookup,
      before: "operation('>=', column(atColumn, 'spine'), column(atColumn, 'row'))",
      after: "operation('>', column(atColumn, 'spine'), column(atColumn, 'row'))",
    },
    {
      breaks: 'who looks before the view begins sees its first rows',
      file: 'core/compute/as-of-time.ts',
      before: 'at(since - 1n)',
      after: 'at(since)',
    },
  ]),
  ...mutationsOf('R2', seen, [
    {
      breaks: 'a row as old as the ttl is expired',
      file: lookup,
      before: "operation('<=', age, literal(parseDuration(ttl)))",
      after: "operation('<', age, literal(parseDuration(ttl)))",
    },
    {
      breaks: 'of rows that are seen when they are written down, one as old as the ttl is expired',
      file: byKnown,
      before: "operation('>', age, literal(parseDuration(ttl)))",
      after: "operation('>=', age, literal(parseDuration(ttl)))",
    },
    {
      breaks: 'a ttl of zero is taken',
      file: 'core/define/view-times.ts',
      before: 'because ? { because } : {})?.text',
      after: 'because ? { because, mayBeZero: true } : {})?.text',
    },
  ]),
  ...mutationsOf('R2', serve, [
    {
      breaks: 'online, a value as old as the ttl is expired',
      file: vector,
      before: 'age > parseDuration(view.ttl)',
      after: 'age >= parseDuration(view.ttl)',
    },
  ]),
  ...mutationsOf('R2', served, [
    {
      breaks: 'as it was served, a window as old as the ttl is expired',
      file: asServed,
      before: "operation('>', operation('-', t, end), literal(parseDuration(ttl)))",
      after: "operation('>=', operation('-', t, end), literal(parseDuration(ttl)))",
    },
    {
      breaks: 'as it was served, a row as old as the ttl is expired',
      file: asServed,
      before: "operation('>', age, literal(parseDuration(ttl)))",
      after: "operation('>=', age, literal(parseDuration(ttl)))",
    },
  ]),
  ...mutationsOf(
    'R2',
    ['core/explain/row-roles.test.ts'],
    [
      {
        breaks: 'an explanation says that a row as old as the ttl is expired',
        file: 'core/explain/row-roles.ts',
        before: 'at - one.row.eventAt > ttl ?',
        after: 'at - one.row.eventAt >= ttl ?',
      },
    ],
  ),
  ...mutationsOf('R3', ties, [
    {
      breaks: 'ties are not settled by the created time',
      file: order,
      before: '[column(eventColumn), column(createdColumn), ...columns.flatMap(columnTerms)]',
      after: '[column(eventColumn), ...columns.flatMap(columnTerms)]',
    },
    {
      breaks: 'null is the highest',
      file: 'core/compute/print-duckdb.ts',
      before: "'DESC NULLS LAST' : 'ASC NULLS FIRST'",
      after: "'DESC NULLS FIRST' : 'ASC NULLS LAST'",
    },
    {
      breaks: '-0.0 and 0.0 tie',
      file: order,
      before: "[value, operation('not', operation('signBit', value))]",
      after: '[value]',
    },
    {
      breaks: 'the columns are compared from the last to the first',
      file: order,
      before:
        'column(createdColumn), ...columns.flatMap(columnTerms)]\n  return terms.map((by) => ({ by, descending }))\n}\n\n/** Created',
      after:
        'column(createdColumn), ...columns.toReversed().flatMap(columnTerms)]\n  return terms.map((by) => ({ by, descending }))\n}\n\n/** Created',
    },
  ]),
  ...mutationsOf('R4', seen, [
    {
      breaks: 'a source row without a time is not counted',
      file: 'core/compute/interval-query.ts',
      before: "[operation('isNull', column(eventColumn)), literal('null_event_time')],",
      after: '',
    },
  ]),
  ...mutationsOf('R4', requests, [
    {
      breaks: 'a spine row without a time is let through',
      file: 'core/compute/training-spine.ts',
      before: "const isBadTime = operation('isNull', column(timeColumn))",
      after: 'const isBadTime = literal(false)',
    },
  ]),
  ...mutationsOf('R5', seen, [
    {
      breaks: 'a row is rejected only when all parts of its key are null',
      file: 'core/compute/interval-query.ts',
      before: 'const nullKey = any(view.keyColumns',
      after: 'const nullKey = all(view.keyColumns',
    },
  ]),
  ...mutationsOf('R5', serve, [
    {
      breaks: 'online, a null part of a key is asked for',
      file: 'core/serve/parse-key.ts',
      before: 'if (names.some((name) => parts[name] === null)) return null\n',
      after: '',
    },
  ]),
  ...mutationsOf('R6', seen, [
    {
      breaks: 'the latest row that has a value is seen',
      file: committed,
      before: 'wanted.length === 0 ? {} :',
      after: "wanted.length === 0 ? { where: operation('isNotNull', column(bundle.view.features[0]!.column!)) } :",
    },
  ]),
  ...mutationsOf('R6', serve, [
    {
      breaks: 'online, a row of nulls is missing',
      file: vector,
      before: 'if (item === null || item.values === null) return',
      after:
        'if (item === null || item.values === null || decodeValues(view.features, item.values, item.schemaHash).every((value) => value === null)) return',
    },
  ]),
  ...mutationsOf('R7', windows, [
    {
      breaks: 'the tile at t - w is not in the window of a training set',
      file: window,
      before: "from === null ? [] : [operation('>=', tile,",
      after: "from === null ? [] : [operation('>', tile,",
    },
    {
      breaks: 'the tile at t - w is not in a published window',
      file: published,
      before: "operation('>=', first, literal(range.from))",
      after: "operation('>', first, literal(range.from))",
    },
    {
      breaks: 'an event at t is in the window before it',
      file: tiles,
      before: "operation('floorDiv', column(eventColumn), literal(tileNs(bundle)))",
      after: "operation('floorDiv', operation('-', column(eventColumn), literal(1n)), literal(tileNs(bundle)))",
    },
  ]),
  ...mutationsOf('R7b', windows, [
    {
      breaks: 'of the last n of many tiles one is left',
      file: 'core/compute/operations/last-n.ts',
      before: "aggregate('list', state, where)), literal(BigInt(n)))",
      after: "aggregate('list', state, where)), literal(1n))",
    },
    {
      breaks: 'the bins of quantiles are four times as wide',
      file: 'core/compute/operations/approx-quantile.ts',
      before: 'const bitsBelow = 52n - 7n',
      after: 'const bitsBelow = 52n - 3n',
    },
  ]),
  ...mutationsOf(
    'R7b',
    ['test/reference/cuts.test.ts'],
    [
      {
        breaks: 'registers of tiles are merged to the shorter run',
        file: 'core/compute/operations/approx-count-distinct.ts',
        before: "merge: (state, where) => aggregate('max', state, where),",
        after: "merge: (state, where) => aggregate('min', state, where),",
      },
    ],
  ),
  ...mutationsOf('R8', windows, [
    {
      breaks: 'a count of nothing is null',
      file: 'core/compute/merged-features.ts',
      before: "=== 'zero' ? 0n : null",
      after: "=== 'zero' ? null : null",
    },
    {
      breaks: 'count(column) counts rows, and averages divide by them',
      file: 'core/compute/operations/counted-values.ts',
      before: "accumulate: aggregate('count', operand),",
      after: "accumulate: aggregate('count', null),",
    },
  ]),
  ...mutationsOf('R9', windows, [
    {
      breaks: 'a time before 1970 is rounded toward it',
      file: window,
      before: "operation('floorDiv', t, literal(tileNs(bundle)))",
      after: "operation('quotient', t, literal(tileNs(bundle)))",
    },
    {
      breaks: 'fine tiles count beside the coarse one that stands for them',
      file: published,
      before: "operation('not', isStoodFor)",
      after: 'literal(true)',
    },
    {
      breaks: 'extremes of tiles are taken the other way round',
      file: 'core/compute/operations/extreme.ts',
      before: 'merge: (state, where) => aggregate(which, state, where),',
      after: "merge: (state, where) => aggregate(which === 'max' ? 'min' : 'max', state, where),",
    },
    {
      breaks: 'a window that is no multiple of the tile is taken',
      file: 'core/define/view-times.ts',
      before: "feature.over !== 'lifetime' && parseDuration(feature.over) % grid.tileNs !== 0n",
      after: 'false',
    },
  ]),
  ...mutationsOf('R16', seen, [
    {
      breaks: 'what was written down before it happens is seen at once',
      file: byKnown,
      before: "operation('greatest', column(eventColumn), column(createdColumn))",
      after: 'column(createdColumn)',
    },
    {
      breaks: 'what is not yet written hides what is',
      file: byKnown,
      before: "aggregate: 'max',\n    operand: column(rankColumn),",
      after: "aggregate: 'min',\n    operand: column(rankColumn),",
    },
  ]),
  ...mutationsOf('R16', windows, [
    {
      breaks: 'what is written at T sharp is not known at T',
      file: tiles,
      before: "const before = operation('-', created, literal(1n))",
      after: 'const before = created',
    },
    {
      breaks: 'a window holds what became known a tile later',
      file: window,
      before: "operation('<', column(knownColumn, 'tile'), end)",
      after: "operation('<=', column(knownColumn, 'tile'), end)",
    },
  ]),
  ...mutationsOf(
    'R16',
    ['core/define/builders.test.ts'],
    [
      {
        breaks: 'a source with created times need not say what they mean',
        file: 'core/define/check-source.ts',
        before: '  if (isKnown) return []\n',
        after: '  return []\n',
      },
    ],
  ),
  ...mutationsOf('R17', seen, [
    {
      breaks: 'a late row is known before it was written',
      file: byKnown,
      before: "operation('greatest', column(eventColumn), column(createdColumn))",
      after: 'column(eventColumn)',
    },
  ]),
  ...mutationsOf('R18', seen, [
    {
      breaks: 'a tombstone is a row like any other',
      file: committed,
      before: "tombstone === null ? literal(false) : operation('coalesce', column(tombstone), literal(false))",
      after: 'literal(false)',
    },
    {
      breaks: 'null means deleted',
      file: committed,
      before: "operation('coalesce', column(tombstone), literal(false))",
      after: "operation('coalesce', column(tombstone), literal(true))",
    },
  ]),
  ...mutationsOf('R18', windows, [
    {
      breaks: 'a tombstone is an event of a window',
      file: tiles,
      before: "[operation('not', operation('coalesce', column(source.tombstone), literal(false)))]",
      after: '[]',
    },
  ]),
  ...mutationsOf('R19', seen, [
    {
      breaks: 'a null id is an id',
      file: committed,
      before: "operation('isNull', column(eventId.column)),",
      after: 'literal(false),',
    },
    {
      breaks: 'of one id the delivery of the latest event counts',
      file: order,
      before: '[column(createdColumn), column(eventColumn), ...columns.flatMap(columnTerms)]',
      after: '[column(eventColumn), column(createdColumn), ...columns.flatMap(columnTerms)]',
    },
    {
      breaks: 'a delivery still counts when the next one becomes known',
      file: byKnown,
      before: "operation('<', t, column(untilColumn, 'row'))",
      after: "operation('<=', t, column(untilColumn, 'row'))",
    },
  ]),
  ...mutationsOf('R19', windows, [
    {
      breaks: 'a redelivery exactly the span apart counts again',
      file: 'core/compute/event-ids.ts',
      before: 'reach: withinNs(bundle),',
      after: 'reach: withinNs(bundle) - 1n,',
    },
  ]),
  ...mutationsOf('R19', intervalRows, [
    {
      breaks: 'a redelivery re-opens nothing',
      file: 'core/compute/event-ids.ts',
      before: "operation('not', isInside),",
      after: 'isInside,',
    },
    {
      breaks: 'a row counts until a delivery is known that is less than the span apart',
      file: 'core/compute/event-ids.ts',
      before: "operation('<=', operation('abs', operation('-', one, other)), literal(withinNs(bundle)))",
      after: "operation('<', operation('abs', operation('-', one, other)), literal(withinNs(bundle)))",
    },
  ]),
]
