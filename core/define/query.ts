import type { Dimension } from './as-of.js'
import { queryProblems } from './check-query.js'
import { type GivenSource, sourceProblems } from './check-source.js'
import type { ColumnBuilder, Columns, FamilyOf } from './column-types.js'
import { declare, definitionBrand, type Problem } from './declare.js'
import type { DefineError } from './define-error.js'
import type { SourceDefinition } from './definitions.js'
import { type Documentation, documented } from './documentation.js'
import { type Duration, readDuration } from './duration-option.js'
import type { GivenQuery } from './given-query.js'
import type { Source } from './parquet.js'
import { readColumns } from './read-columns.js'
import { readQuery } from './read-query.js'
import { callerLocation } from './source-location.js'
import { documentationOptions, type OptionShape, unknownOptions } from './unknown-options.js'

export type Dimensions = Readonly<Record<string, Dimension>>

export interface QueryOptions<
  Name extends string,
  From extends Source,
  Dims extends Dimensions,
  Schema extends Columns,
  Tombstone extends string,
  EventId extends string,
> extends Documentation {
  /** Each of its rows becomes one row of the answer, or none. Its path, readiness, event and created time are the answer's, too. */
  readonly from: From
  /** `{ airport: asOf(airports, { iata: 'origin' }) }`: what the SQL sees as `airport.state`. */
  readonly with?: { readonly [Alias in keyof Dims]: CheckedDimension<Name, From, Alias & string, Dims[Alias]> }
  /** One SELECT of named columns from `from`, by its name, with a WHERE or none; checked by `plan`. */
  readonly sql: string
  /** Every column that the SQL names, those of `from`'s event and created time among them. */
  readonly schema: Schema
  /** A boolean column of `schema` (R18); must be said, null for none, where `from` has one. */
  readonly tombstone?: CheckedRole<Name, 'tombstone', Schema, Tombstone> | null
  /** R19; must be said, null for none, where `from` has one. */
  readonly eventId?: {
    readonly column: CheckedRole<Name, 'eventId', Schema, EventId>
    readonly within?: Duration
  } | null
}

type CheckedRole<Name extends string, Option extends string, Schema extends Columns, Column extends string> = [
  Column,
] extends [keyof Schema]
  ? Column
  : DefineError<`source '${Name}': ${Option} names column '${Column}', which its schema does not have`>

type CheckedDimension<Name extends string, From extends Source, Alias extends string, Dim> =
  Dim extends Dimension<infer S, infer Keys>
    ? [KeyProblems<Name, From, Alias, S, Keys>] extends [never]
      ? Dim
      : DefineError<KeyProblems<Name, From, Alias, S, Keys>>
    : never

type KeyProblems<
  Name extends string,
  From extends Source,
  Alias extends string,
  S extends Source,
  Keys extends Readonly<Record<string, string>>,
> = {
  [Column in keyof Keys & string]: Keys[Column] extends keyof From['schema']
    ? S['schema'][Column] extends ColumnBuilder<infer Of>
      ? From['schema'][Keys[Column]] extends ColumnBuilder<infer To>
        ? [FamilyOf<Of>] extends [FamilyOf<To>]
          ? never
          : `source '${Name}': '${Alias}' is joined where its '${Column}', ${Of}, equals '${Keys[Column]}', ${To} (R12)`
        : never
      : never
    : `source '${Name}': '${Alias}' is joined on '${Keys[Column]}', which source '${From['name']}' does not have`
}[keyof Keys & string]

/** Rows of a source as SQL makes them: filtered, with derived columns, and dimensions as they were. @throws MillcourseError DEFINE_* */
export function query<
  const Name extends string,
  From extends Source,
  const Schema extends Columns,
  const Dims extends Dimensions = Record<never, never>,
  const Tombstone extends string = never,
  const EventId extends string = never,
>(name: Name, options: QueryOptions<Name, From, Dims, Schema, Tombstone, EventId>): Source<Name, Schema> {
  const at = callerLocation()
  const given = options as unknown as GivenQuery
  const problems: Problem[] = []
  const from = given.from?.definition
  const tombstone = given.tombstone ?? null
  const definition: SourceDefinition = {
    kind: 'source',
    format: 'query',
    name,
    path: from?.path ?? '*',
    schema: readColumns(`source '${name}'`, given.schema, problems),
    eventTime: from?.eventTime ?? '',
    createdTime: from?.createdTime ?? null,
    visibility: from?.visibility ?? 'event',
    timezone: from?.timezone ?? 'UTC',
    tombstone,
    eventId: given.eventId
      ? {
          column: given.eventId.column,
          within: given.eventId.within
            ? (readDuration(`source '${name}': eventId.within`, given.eventId.within, problems)?.text ?? null)
            : null,
        }
      : null,
    ready: from?.ready ?? { marker: null, delay: null, deadline: '1h' },
    ...(from ? { query: readQuery(name, given, from, problems) } : {}),
    ...documented(given),
    at,
  }
  problems.push(...unknownOptions(`source '${name}'`, given, queryOptions), ...queryProblems(definition, given))
  // What is said of a source's roles holds for a query's; of one without `from` there is nothing to say.
  if (from) problems.push(...sourceProblems(definition, { visibility: definition.visibility } as GivenSource))
  return declare({ [definitionBrand]: true, name, schema: options.schema, definition }, problems)
}

const queryOptions = {
  from: true,
  with: true,
  sql: true,
  schema: true,
  tombstone: true,
  eventId: { column: true, within: true },
  ...documentationOptions,
} as const satisfies Record<keyof GivenQuery, OptionShape[string]>
