import { upstreamProblems } from './check-upstream.js'
import type { ColumnBuilder, Columns } from './column-types.js'
import { declare, definitionBrand, type Problem } from './declare.js'
import type { DefineError } from './define-error.js'
import type { SourceDefinition } from './definitions.js'
import { type Documentation, documented } from './documentation.js'
import { type Duration, readDuration } from './duration-option.js'
import type { FeatureView } from './feature-view.js'
import type { Source } from './parquet.js'
import { readColumns } from './read-columns.js'
import { callerLocation } from './source-location.js'
import { documentationOptions, type OptionShape, unknownOptions } from './unknown-options.js'

export interface FromViewOptions<
  Name extends string,
  Schema extends Columns,
  EventTime extends string,
  CreatedTime extends string,
> extends Documentation {
  readonly view: FeatureView
  /** Of the view's keys and features those that are wanted, under their names, and the times. */
  readonly schema: Schema
  /** A timestamp column: of a lookup view the row's own, of a window view the end of the interval whose values the row holds. */
  readonly eventTime: Timed<Name, 'eventTime', Schema, EventTime>
  /** A timestamp column; required where a lookup view's source has one: its visibility holds on (R16). */
  readonly createdTime?: Timed<Name, 'createdTime', Schema, CreatedTime>
  /** A boolean column; required where a lookup view's source has one: a row that hides the key's value (R18). */
  readonly tombstone?: string
  /** Not committed by the view so long after the interval's end is an incident. Default `1h`. */
  readonly deadline?: Duration
}

type Timed<Name extends string, Option extends string, Schema extends Columns, Column extends string> = [
  Column,
] extends [keyof Schema]
  ? Schema[Column] extends ColumnBuilder<'timestamp'>
    ? Column
    : DefineError<`source '${Name}': ${Option} '${Column}' is ${Schema[Column]['kind']}, it must be timestamp`>
  : DefineError<`source '${Name}': ${Option} names column '${Column}', which its schema does not have`>

/** A view's options as plain JavaScript gives them: nothing checked. */
export interface GivenUpstream extends Documentation {
  readonly view?: Partial<FeatureView>
  readonly schema?: Columns
  readonly eventTime?: string
  readonly createdTime?: string
  readonly tombstone?: string
  readonly deadline?: string
}

/** What another view has committed, as rows: a view that is built on it runs once the other has committed. @throws MillcourseError DEFINE_* */
export function fromView<
  const Name extends string,
  const Schema extends Columns,
  const EventTime extends string,
  const CreatedTime extends string = never,
>(name: Name, options: FromViewOptions<Name, Schema, EventTime, CreatedTime>): Source<Name, Schema> {
  const at = callerLocation()
  const given = options as unknown as GivenUpstream
  const problems: Problem[] = []
  const { definition: view, parts } = given.view ?? {}
  const deadline = readDuration(`source '${name}': deadline`, given.deadline ?? '1h', problems, { mayBeZero: true })
  const definition: SourceDefinition = {
    kind: 'source',
    format: 'view',
    name,
    path: '',
    schema: readColumns(`source '${name}'`, given.schema, problems),
    eventTime: String(given.eventTime),
    createdTime: given.createdTime ?? null,
    visibility: given.createdTime === undefined ? 'event' : (parts?.source?.visibility ?? 'event'),
    timezone: 'UTC',
    tombstone: given.tombstone ?? null,
    eventId: null,
    ready: { marker: null, delay: null, deadline: deadline?.text ?? '1h' },
    ...(view && parts?.entity && parts.source
      ? { upstream: { view, entity: parts.entity, source: parts.source } }
      : {}),
    ...documented(given),
    at,
  }
  problems.push(...unknownOptions(`source '${name}'`, given, fromViewOptions), ...upstreamProblems(definition, given))
  return declare({ [definitionBrand]: true, name, schema: options.schema, definition }, problems)
}

const fromViewOptions = {
  view: true,
  schema: true,
  eventTime: true,
  createdTime: true,
  tombstone: true,
  deadline: true,
  ...documentationOptions,
} as const satisfies Record<keyof GivenUpstream, OptionShape[string]>
