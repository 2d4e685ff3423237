/** What is wrong with a source, at run time: the compiler says most of it first (parquet.ts). */

import { type Columns, formatColumnType, isFloat } from './column-types.js'
import type { Problem } from './declare.js'
import type { ColumnKind, SourceDefinition, Visibility } from './definitions.js'
import { didYouMean } from './did-you-mean.js'
import type { Documentation } from './documentation.js'
import { checkColumnNames, checkName } from './names.js'
import { checkSourcePath } from './source-path.js'

/** A source's options as plain JavaScript gives them: nothing checked. */
export interface GivenSource extends Documentation {
  readonly path: string
  readonly schema: Columns
  readonly eventTime: string
  readonly createdTime?: string
  readonly visibility?: Visibility
  readonly timezone?: string
  readonly tombstone?: string
  readonly eventId?: { readonly column: string; readonly within?: string }
  readonly ready?: { readonly marker?: string; readonly delay?: string; readonly deadline?: string }
}

const isTimestamp = (kind: ColumnKind) => kind === 'timestamp'

export function sourceProblems(source: SourceDefinition, given: GivenSource): Problem[] {
  const who = `source '${source.name}'`
  const { eventTime, createdTime, tombstone, eventId } = source
  return [
    ...checkName('source', source.name),
    ...checkColumnNames(
      who,
      source.schema.map((column) => column.name),
    ),
    // Of what is no file there is none, or it is that of the source below.
    ...(source.format === 'parquet' ? checkSourcePath(who, source.path) : []),
    ...source.schema.flatMap((column) => decimalProblems(who, column)),
    ...roleProblems(source, 'eventTime', eventTime, isTimestamp, 'timestamp'),
    ...(createdTime === null ? [] : roleProblems(source, 'createdTime', createdTime, isTimestamp, 'timestamp')),
    ...(tombstone === null
      ? []
      : roleProblems(source, 'tombstone', tombstone, (kind) => kind === 'boolean', 'boolean')),
    ...(eventId === null
      ? []
      : roleProblems(source, 'eventId', eventId.column, (kind) => !isFloat(kind), 'anything but floating-point')),
    ...visibilityProblems(source, given),
    ...timezoneProblems(source),
  ]
}

function roleProblems(
  source: SourceDefinition,
  option: string,
  name: string,
  fits: (kind: ColumnKind) => boolean,
  wanted: string,
): Problem[] {
  const column = source.schema.find((one) => one.name === name)
  const facts = { source: source.name, column: String(name) }
  if (!column)
    return [
      {
        code: 'DEFINE_UNKNOWN_COLUMN',
        message: `source '${source.name}': ${option} names column '${name}', which its schema does not have`,
        hint: `${didYouMean(
          String(name),
          source.schema.map((one) => one.name),
        )}its columns are ${source.schema.map((one) => one.name).join(', ')}`,
        facts,
      },
    ]
  if (fits(column.kind)) return []
  const message = `source '${source.name}': ${option} '${name}' is ${formatColumnType(column)}, it must be ${wanted}`
  return [{ code: 'DEFINE_INVALID', message, facts }]
}

/** R16, for callers without types. */
function visibilityProblems(source: SourceDefinition, given: GivenSource): Problem[] {
  const who = `source '${source.name}'`
  const isKnown = given.visibility === 'event' || given.visibility === 'created'
  if (source.createdTime === null)
    return given.visibility === undefined || given.visibility === 'event'
      ? []
      : [
          {
            code: 'DEFINE_INVALID',
            message: `${who}: visibility '${given.visibility}' needs a createdTime (R16)`,
            hint: "name the column that holds when a row was written: createdTime: '…'",
          },
        ]
  if (isKnown) return []
  return [
    {
      code: 'DEFINE_INVALID',
      message: `${who} has createdTime '${source.createdTime}' but does not say what it means (R16)`,
      hint: "visibility: 'event' (a row counts from its event time) or 'created' (from the later of event and created time)",
    },
  ]
}

/** Asking is dear, and hundreds of sources name few. */
const zonesFound = new Set<string>()

function timezoneProblems(source: SourceDefinition): Problem[] {
  if (zonesFound.has(source.timezone)) return []
  try {
    new Intl.DateTimeFormat('en', { timeZone: source.timezone })
    zonesFound.add(source.timezone)
    return []
  } catch {
    const message = `source '${source.name}': ${JSON.stringify(source.timezone)} is not a time zone`
    return [{ code: 'DEFINE_INVALID', message, hint: 'an IANA name such as UTC or America/New_York' }]
  }
}

function decimalProblems(who: string, column: SourceDefinition['schema'][number]): Problem[] {
  if (column.kind !== 'decimal') return []
  const { precision = 0, scale = -1 } = column
  const isWhole = Number.isInteger(precision) && Number.isInteger(scale)
  if (isWhole && precision >= 1 && precision <= 38 && scale >= 0 && scale <= precision) return []
  return [
    {
      code: 'DEFINE_INVALID',
      message: `${who}: column '${column.name}' is decimal(${precision},${scale}): 1 to 38 digits, of which 0 to all after the point`,
      facts: { column: column.name },
    },
  ]
}
