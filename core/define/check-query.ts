/** What is wrong with a query, as far as the definitions tell; what its SQL says is checked by `plan` (core/compute/query-check). */
import { familyOf, formatColumnType, isFloat } from './column-types.js'
import { isDeclared, type Problem } from './declare.js'
import type { Column, SourceDefinition, SourceDimension } from './definitions.js'
import { didYouMean } from './did-you-mean.js'
import type { GivenQuery } from './given-query.js'
import { checkColumnNames, checkName } from './names.js'

export function queryProblems(source: SourceDefinition, given: GivenQuery): Problem[] {
  const who = `source '${source.name}'`
  if (!isDeclared(given.from) || given.from.definition.kind !== 'source')
    return [invalid(source, `${who} has no from`, 'from: the value that parquet(…) or fromView(…) returned')]
  const { query } = source
  if (!query) return []
  return [
    ...(query.from.query
      ? [invalid(source, `${who} is a query over the query '${query.from.name}'`, 'write both as one SELECT')]
      : []),
    ...(query.sql.trim() === ''
      ? [invalid(source, `${who} has no sql`, `sql: 'SELECT … FROM ${query.from.name}'`)]
      : []),
    ...roleProblems(source, given),
    ...checkColumnNames(`${who} with its dimensions`, [
      ...query.from.schema.map(({ name }) => name),
      ...query.with.map(({ alias }) => alias),
    ]).filter(({ code }) => query.with.length > 0 && code === 'DEFINE_DUPLICATE_NAME'),
    ...query.with.flatMap((dimension) => dimensionProblems(source, query.from, dimension)),
  ]
}

function invalid(source: SourceDefinition, message: string, hint: string): Problem {
  return { code: 'DEFINE_INVALID', message, hint, facts: { source: source.name } }
}

/** R18, R19: a deletion or a redelivery that the answer knows nothing of would count as a row. */
function roleProblems(source: SourceDefinition, given: GivenQuery): Problem[] {
  const { from } = source.query!
  const roles = [
    ['tombstone', from.tombstone, `'${from.tombstone}'`],
    ['eventId', from.eventId?.column ?? null, `{ column: '${from.eventId?.column}' }`],
  ] as const
  return roles.flatMap(([role, column, value]) =>
    column === null || given[role] !== undefined
      ? []
      : [
          invalid(
            source,
            `source '${source.name}' does not say what becomes of the ${role} '${column}' of '${from.name}'`,
            `${role}: ${value}, a column that the SQL names, or null for none`,
          ),
        ],
  )
}

function dimensionProblems(source: SourceDefinition, from: SourceDefinition, dimension: SourceDimension): Problem[] {
  const { alias, source: of, keys, within } = dimension
  const who = `source '${source.name}': '${alias}'`
  return [
    ...checkName(`source '${source.name}': dimension`, alias),
    ...(alias === from.name ? [invalid(source, `${who} has the name of from`, 'call it otherwise')] : []),
    ...(of.format === 'parquet'
      ? []
      : [invalid(source, `${who} is a ${of.format}`, 'a dimension is of files: parquet(…)')]),
    ...(of.eventId
      ? [invalid(source, `${who} has event ids, which a dimension cannot have`, 'declare it without them')]
      : []),
    ...(keys.length === 0
      ? [invalid(source, `${who} is joined on nothing`, `asOf(${of.name}, { column: 'column of ${from.name}' })`)]
      : []),
    ...(within === null && /\{(yyyy|MM|dd|HH|mm)/.test(of.path)
      ? [
          invalid(
            source,
            `${who} does not say within which span its rows are looked for, and its path has time tokens`,
            `asOf(${of.name}, { … }, { within: '30d' })`,
          ),
        ]
      : []),
    ...keys.flatMap(({ column, of: to }) => keyProblems(source, who, [of, column], [from, to])),
  ]
}

function keyProblems(
  source: SourceDefinition,
  who: string,
  [dimension, column]: readonly [SourceDefinition, string],
  [from, to]: readonly [SourceDefinition, string],
): Problem[] {
  const missing = (of: SourceDefinition, name: string): Problem => ({
    code: 'DEFINE_UNKNOWN_COLUMN',
    message: `${who} is joined on '${name}', which source '${of.name}' does not have`,
    hint: `${didYouMean(
      name,
      of.schema.map((one) => one.name),
    )}its columns are ${of.schema.map((one) => one.name).join(', ')}`,
    facts: { source: source.name, column: name },
  })
  const left = dimension.schema.find(({ name }) => name === column)
  const right = from.schema.find(({ name }) => name === to)
  if (!left || !right) return [...(left ? [] : [missing(dimension, column)]), ...(right ? [] : [missing(from, to)])]
  if (isJoinable(left, right)) return []
  return [
    invalid(
      source,
      `${who} is joined where its '${column}', ${formatColumnType(left)}, equals '${to}', ${formatColumnType(right)} (R12)`,
      'join on columns of one family; floating-point never compares exactly',
    ),
  ]
}

function isJoinable(a: Column, b: Column): boolean {
  return familyOf(a.kind) === familyOf(b.kind) && !isFloat(a.kind) && (a.kind !== 'decimal' || a.scale === b.scale)
}
