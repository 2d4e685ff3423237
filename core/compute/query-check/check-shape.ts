/**
 * The one form a query has: SELECT named columns FROM its source WHERE a condition. Each row of the answer is then made of one row, whatever
 * files and intervals are read together; all else would answer differently as these are cut.
 */
import { utf8ToBytes } from '@noble/hashes/utils.js'
import type { SourceDefinition } from '../../define/definitions.js'
import { didYouMean } from '../../define/did-you-mean.js'
import { beginsWithSelect } from '../carry-columns.js'
import type { Finding } from './finding.js'
import { byteOf, isNode, type Parsed, type SyntaxNode } from './syntax-tree.js'

const perRow =
  'each row of the answer is made of one row: what counts over rows is for features, window.sum(…) and the like'
const byInterval = 'what it answers would depend on which rows are read together'

/** Parts of a SELECT that there must not be: key of the node -> name, why. */
const refusedParts: Readonly<Record<string, readonly [what: string, hint: string]>> = {
  group_expressions: ['GROUP BY', perRow],
  group_sets: ['GROUP BY', perRow],
  having: ['HAVING', perRow],
  qualify: ['QUALIFY', byInterval],
  sample: ['a sample', byInterval],
  cte_map: ['WITH', 'write it as one SELECT; another source is a dimension: with: { name: asOf(source, { … }) }'],
}
const modifiers: Readonly<Record<string, readonly [what: string, hint: string]>> = {
  LIMIT_MODIFIER: ['LIMIT', byInterval],
  LIMIT_PERCENT_MODIFIER: ['LIMIT', byInterval],
  ORDER_MODIFIER: ['ORDER BY', 'rows have no order here: the newest is found by event and created time (R3)'],
  DISTINCT_MODIFIER: ['DISTINCT', byInterval],
}
const knownParts = new Set([
  'type',
  'select_list',
  'from_table',
  'where_clause',
  'aggregate_handling',
  'query_location',
  'modifiers',
])

/** The SELECT, if it is one that can be looked into. */
export function checkShape(
  source: SourceDefinition,
  parsed: Parsed,
): { findings: Finding[]; select: SyntaxNode | null } {
  const { sql } = source.query!
  const refuse = (message: string, hint: string, byte: number | null): Finding => ({
    code: 'DEFINE_QUERY_REFUSED',
    message,
    hint,
    byte,
  })
  const form = `SELECT … FROM ${source.query!.from.name} WHERE …`
  if (parsed.is === 'error')
    return { findings: [refuse(parsed.message, `one statement is asked for: ${form}`, parsed.byte)], select: null }
  const [select, second] = parsed.statements
  if (!select || second)
    return { findings: [refuse('it is not one statement', form, second ? byteOf(second) : null)], select: null }
  if (select.type !== 'SELECT_NODE')
    return {
      findings: [refuse('it is not one SELECT', `${form}; UNION and the like: declare a query each`, null)],
      select: null,
    }
  const findings: Finding[] = []
  if (!beginsWithSelect(sql)) findings.push(refuse('it does not begin with SELECT', form, null))
  const end = semicolonIn(sql)
  if (end !== null) findings.push(refuse('something follows its semicolon', 'leave the semicolon out', end))
  for (const [key, value] of Object.entries(select)) {
    const refused = refusedParts[key]
    if (refused) findings.push(refuse(`${refused[0]} is refused`, refused[1], byteOf({ value }) ?? byteIn(value)))
    else if (!knownParts.has(key)) findings.push(refuse(`${key} is refused`, form, byteIn(value)))
  }
  if (select.aggregate_handling !== 'STANDARD_HANDLING') findings.push(refuse('GROUP BY ALL is refused', perRow, null))
  for (const modifier of Array.isArray(select.modifiers) ? (select.modifiers as SyntaxNode[]) : []) {
    const [what, hint] = modifiers[String(modifier.type)] ?? [String(modifier.type), byInterval]
    findings.push(refuse(`${what} is refused`, hint, byteOf(modifier)))
  }
  return { findings: [...findings, ...checkTable(source, select.from_table)], select }
}

/** What is read as a whole, in which a semicolon ends nothing; and a semicolon. */
const wholes =
  /--[^\n]*|\/\*[\s\S]*?\*\/|\be'(?:\\[\s\S]|''|[^'\\])*'|'(?:''|[^'])*'|"(?:""|[^"])*"|(\$[a-z_0-9]*\$)[\s\S]*?\1|;/gi

/** Byte of the first semicolon that ends the statement; one at the end of the text is taken off before. */
export function semicolonIn(sql: string): number | null {
  for (const { 0: found, index } of sql.matchAll(wholes))
    if (found === ';') return utf8ToBytes(sql.slice(0, index)).length
  return null
}

function byteIn(value: unknown): number | null {
  return isNode(value) ? byteOf(value) : Array.isArray(value) ? byteOf({ value }) : null
}

function checkTable(source: SourceDefinition, from: unknown): Finding[] {
  const { from: rows, with: dimensions } = source.query!
  const table = isNode(from) ? from : {}
  const refuse = (message: string, hint: string): Finding[] => [
    { code: 'DEFINE_QUERY_REFUSED', message, hint, byte: byteOf(table) },
  ]
  const asDimension = `another source is a dimension, joined as it was at the row's event time: with: { name: asOf(source, { … }) }, and name.column in the SELECT`
  if (table.type === 'JOIN') return refuse('JOIN is refused', asDimension)
  if (table.type !== 'BASE_TABLE')
    return refuse(`it does not read from ${rows.name}`, `FROM ${rows.name}, by its name; ${asDimension}`)
  const { table_name: name, schema_name: schema, catalog_name: catalog, alias } = table
  if (name !== rows.name || schema !== undefined || catalog !== undefined) {
    const written = [catalog, schema, name].filter((part) => part !== undefined).join('.')
    const isDimension = dimensions.some((one) => one.alias === name || one.source.name === name)
    return refuse(
      `there is no table "${written}"`,
      isDimension ? asDimension : `${didYouMean(String(name), [rows.name])}it reads from ${rows.name}; ${asDimension}`,
    )
  }
  if (table.sample !== undefined) return refuse('a sample is refused', byInterval)
  const taken = [...rows.schema.map((column) => column.name), ...dimensions.map((one) => one.alias)]
  if (typeof alias === 'string' && taken.some((one) => one.toLowerCase() === alias.toLowerCase()))
    return refuse(
      `the table is called "${alias}", as a column or dimension is`,
      'call it otherwise, or leave the name out',
    )
  if (table.at_clause !== undefined)
    return refuse(
      'AT is refused',
      'which rows are read is for intervals to say; the newest of a row is found by created time',
    )
  if (table.column_name_alias !== undefined)
    return refuse('columns of the table are renamed', 'name them in the SELECT: origin AS airport')
  return []
}
