import { type GivenSource, sourceProblems } from './check-source.js'
import type { ColumnBuilder, Columns } from './column-types.js'
import { type Declared, declare, definitionBrand, type Problem } from './declare.js'
import type { DefineError } from './define-error.js'
import type { ColumnKind, ReadinessRule, SourceDefinition, Visibility } from './definitions.js'
import { type Documentation, documented } from './documentation.js'
import { type Duration, readDuration } from './duration-option.js'
import { readColumns } from './read-columns.js'
import { callerLocation } from './source-location.js'
import { documentationOptions, type OptionShape, unknownOptions } from './unknown-options.js'

export interface Source<Name extends string = string, Schema extends Columns = Columns>
  extends Declared<SourceDefinition> {
  readonly name: Name
  readonly schema: Schema
}

/** When a partition's files are complete; without a rule, at the interval's end. */
export type ReadyOption = ({ readonly marker: string } | { readonly delay: Duration } | Record<never, never>) & {
  /** Not ready so long after the interval's end is an incident. Default `1h`. */
  readonly deadline?: Duration
}

export interface SourceBaseOptions<
  Name extends string,
  Schema extends Columns,
  EventTime extends string,
  CreatedTime extends string,
  Tombstone extends string,
  EventId extends string,
> extends Documentation {
  /** A glob with time tokens in UTC: `flights/date={yyyy-MM-dd}/hour={HH}/*.parquet`; without a scheme, below the source root. */
  readonly path: string
  /** Every column that views may use; the files may have more. */
  readonly schema: Schema
  /** When it happened: a timestamp column. Rows where it is null are rejected and counted (R4). */
  readonly eventTime: CheckedColumn<Name, 'eventTime', Schema, EventTime, 'timestamp'>
  /** When it was written down: a timestamp column. Then `visibility` must be said (R16). */
  readonly createdTime?: CheckedColumn<Name, 'createdTime', Schema, CreatedTime, 'timestamp'>
  /** IANA zone of times written without one. Default `UTC` (R10). */
  readonly timezone?: string
  /** A boolean column: a row where it is true hides the key's value until a newer row (R18). */
  readonly tombstone?: CheckedColumn<Name, 'tombstone', Schema, Tombstone, 'boolean'>
  /** Rows of one key and id count once (R19); window views need `within`, the span a redelivery is looked for. */
  readonly eventId?: {
    readonly column: CheckedColumn<Name, 'eventId', Schema, EventId, Exclude<ColumnKind, 'float32' | 'float64'>>
    readonly within?: Duration
  }
  readonly ready?: ReadyOption
}

/** R16: there is no silent default where there is a created time. */
type VisibilityOption<CreatedTime extends string> = [CreatedTime] extends [never]
  ? { readonly visibility?: 'event' }
  : {
      /** `event`: a row counts from its event time. `created`: from the later of event and created time (R16). */
      readonly visibility: Visibility
    }

type CheckedColumn<
  Name extends string,
  Option extends string,
  Schema extends Columns,
  Column extends string,
  Kind extends ColumnKind,
> = [Column] extends [keyof Schema]
  ? Schema[Column] extends ColumnBuilder<Kind>
    ? Column
    : DefineError<`source '${Name}': ${Option} '${Column}' is ${Schema[Column]['kind']}, it must be ${WantedKind<Kind>}`>
  : DefineError<`source '${Name}': ${Option} names column '${Column}', which its schema does not have`>

type WantedKind<Kind extends ColumnKind> = 'string' extends Kind ? 'anything but floating-point' : Kind

/** Parquet files with an event time. @throws MillcourseError DEFINE_* */
export function parquet<
  const Name extends string,
  const Schema extends Columns,
  const EventTime extends string,
  const CreatedTime extends string = never,
  const Tombstone extends string = never,
  const EventId extends string = never,
>(
  name: Name,
  options: SourceBaseOptions<Name, Schema, EventTime, CreatedTime, Tombstone, EventId> & VisibilityOption<CreatedTime>,
): Source<Name, Schema> {
  const at = callerLocation()
  const given = options as unknown as GivenSource
  const problems: Problem[] = []
  const definition: SourceDefinition = {
    kind: 'source',
    format: 'parquet',
    name,
    path: given.path,
    schema: readColumns(`source '${name}'`, given.schema, problems),
    eventTime: given.eventTime,
    createdTime: given.createdTime ?? null,
    visibility: given.visibility ?? 'event',
    timezone: given.timezone ?? 'UTC',
    tombstone: given.tombstone ?? null,
    eventId: given.eventId
      ? {
          column: given.eventId.column,
          within: given.eventId.within
            ? (readDuration(`source '${name}': eventId.within`, given.eventId.within, problems)?.text ?? null)
            : null,
        }
      : null,
    ready: readiness(name, given.ready ?? {}, problems),
    ...documented(given),
    at,
  }
  problems.push(...unknownOptions(`source '${name}'`, given, sourceOptions), ...sourceProblems(definition, given))
  return declare({ [definitionBrand]: true, name, schema: options.schema, definition }, problems)
}

const sourceOptions = {
  path: true,
  schema: true,
  eventTime: true,
  createdTime: true,
  visibility: true,
  timezone: true,
  tombstone: true,
  eventId: { column: true, within: true },
  ready: { marker: true, delay: true, deadline: true },
  ...documentationOptions,
} as const satisfies Record<keyof GivenSource, OptionShape[string]>

function readiness(name: string, ready: NonNullable<GivenSource['ready']>, problems: Problem[]): ReadinessRule {
  const who = `source '${name}': ready`
  if (ready.marker !== undefined && ready.delay !== undefined)
    problems.push({
      code: 'DEFINE_INVALID',
      message: `${who} has both a marker and a delay`,
      hint: 'keep the marker: it says that the partition is complete, a delay only supposes it',
    })
  if (ready.marker !== undefined && !/^[^/\\]+$/.test(ready.marker))
    problems.push({
      code: 'DEFINE_INVALID',
      message: `${who}.marker ${JSON.stringify(ready.marker)} is not a file name`,
      hint: "the name of a file in the partition's folder, such as _SUCCESS",
    })
  const mayBeZero = { mayBeZero: true }
  return {
    marker: ready.marker ?? null,
    delay:
      ready.delay === undefined ? null : (readDuration(`${who}.delay`, ready.delay, problems, mayBeZero)?.text ?? null),
    deadline: readDuration(`${who}.deadline`, ready.deadline ?? '1h', problems, mayBeZero)?.text ?? '1h',
  }
}
