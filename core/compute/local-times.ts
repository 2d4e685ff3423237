/**
 * Times written without a zone, read by the source's zone (R10). Two instants can show one local time, or none:
 *
 *     New York, clocks back    01:30 EDT = 05:30Z   and   01:30 EST = 06:30Z   → the earlier
 *     New York, clocks ahead   02:30 does not occur; by the offset before it is 07:30Z = 03:30 EDT   → moved forward by the gap
 *
 * Both are found from two guesses: `late`, the engine's own answer, and `early`, the local time by the offset of a day before.
 * `early` is right whenever it shows the local time; else `late` if that does; else the time is skipped, and `early` is the answer.
 */
import {
  all,
  any,
  cases,
  cast,
  column,
  type Expression,
  literal,
  operation,
  type Relation,
  select,
} from './sql-algebra.js'

const nsPerUs = literal(1000n)
const usPerDay = literal(86_400_000_000n)
/** Years 1 to 9999: outside it, end-of-time markers, the wall clock is taken as UTC. */
const firstUs = literal(-62_135_596_800_000_000n)
const lastUs = literal(253_402_300_799_000_000n)

export interface LocalTimes {
  /** All columns handed through. */
  readonly columns: readonly string[]
  /** Those among them that hold wall-clock instants. */
  readonly locals: readonly string[]
  /** Those whose repeated and skipped times are reported. */
  readonly reported: readonly string[]
  readonly zone: string
}

/** Adds `__is_ambiguous` and `__is_skipped`. */
export function localTimes(rows: Relation, times: LocalTimes): Relation {
  const keep = times.columns.map((name) => [name, column(name)] as const)
  const locals = isUtc(times.zone) ? [] : times.locals
  if (locals.length === 0)
    return select(rows, [...keep, ['__is_ambiguous', literal(false)], ['__is_skipped', literal(false)]])
  const zone = literal(times.zone)
  const step = (
    from: Relation,
    added: (name: string) => readonly (readonly [string, Expression])[],
    before: string[],
  ) =>
    select(from, [
      ...keep,
      ...before.flatMap((prefix) => locals.map((name) => [prefix + name, column(prefix + name)] as const)),
      ...locals.flatMap(added),
    ])
  const wall = step(rows, (name) => [[`__wall ${name}`, inRange(operation('floorDiv', column(name), nsPerUs))]], [])
  const late = step(wall, (name) => [[`__late ${name}`, operation('zonedUs', column(`__wall ${name}`), zone)]], [
    '__wall ',
  ])
  const early = step(
    late,
    (name) => {
      const dayBefore = operation('-', column(`__late ${name}`), usPerDay)
      const offset = operation('-', operation('wallUs', dayBefore, zone), dayBefore)
      return [[`__early ${name}`, operation('-', column(`__wall ${name}`), offset)]]
    },
    ['__wall ', '__late '],
  )
  return select(early, [
    ...times.columns.map((name) => [name, locals.includes(name) ? chosen(name, zone) : column(name)] as const),
    [
      '__is_ambiguous',
      any(locals.filter((name) => times.reported.includes(name)).map((name) => ambiguous(name, zone))),
    ],
    ['__is_skipped', any(locals.filter((name) => times.reported.includes(name)).map((name) => skipped(name, zone)))],
  ])
}

function isUtc(zone: string): boolean {
  return ['UTC', 'Etc/UTC', 'Z', 'GMT'].includes(zone)
}

function inRange(us: Expression): Expression {
  return cases([[all([operation('>=', us, firstUs), operation('<=', us, lastUs)]), us]])
}

function shows(guess: string, name: string, zone: Expression): Expression {
  return operation('=', operation('wallUs', column(guess + name), zone), column(`__wall ${name}`))
}

function chosen(name: string, zone: Expression): Expression {
  const local = column(name)
  const belowUs = operation('-', local, operation('*', operation('floorDiv', local, nsPerUs), nsPerUs))
  const us = cases(
    [
      [shows('__early ', name, zone), column(`__early ${name}`)],
      [shows('__late ', name, zone), column(`__late ${name}`)],
    ],
    column(`__early ${name}`),
  )
  return cases(
    [[operation('isNull', column(`__wall ${name}`)), local]],
    operation('+', operation('*', cast(us, { kind: 'instant' }), nsPerUs), belowUs),
  )
}

function ambiguous(name: string, zone: Expression): Expression {
  const differ = operation('<>', column(`__early ${name}`), column(`__late ${name}`))
  return operation(
    'coalesce',
    all([shows('__early ', name, zone), shows('__late ', name, zone), differ]),
    literal(false),
  )
}

function skipped(name: string, zone: Expression): Expression {
  const neither = [shows('__early ', name, zone), shows('__late ', name, zone)].map((shown) => operation('not', shown))
  return operation('coalesce', all(neither), literal(false))
}
