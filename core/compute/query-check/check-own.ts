/**
 * The SQL of a view's own check: one SELECT that answers with bad rows of `rows`, the interval's kept rows. Unlike a query's it may look at
 * them together (aggregates, windows, subqueries, joins): what it answers is no value. But at nothing else, and the same at any time (R21).
 */
import type { Column, SourceDefinition } from '../../define/definitions.js'
import { didYouMean } from '../../define/did-you-mean.js'
import { buildOwnCheck, ownRowsName, withoutSemicolon } from '../own-check.js'
import { seenType } from '../seen-value.js'
import { type SqlQuery, type SqlType, values } from '../sql-algebra.js'
import { semicolonIn } from './check-shape.js'
import type { Finding } from './finding.js'
import type { FunctionKind } from './function-names.js'
import { byteOf, childrenOf, isNode, type Parsed, type SyntaxNode } from './syntax-tree.js'

const form = `SELECT … FROM ${ownRowsName} WHERE …`
const readableTables = new Set([
  'BASE_TABLE',
  'JOIN',
  'SUBQUERY',
  'EXPRESSION_LIST',
  'EMPTY',
  'EMPTY_FROM',
  'CTE',
  'PIVOT',
])
/** They make rows of what they are given. */
const knownTableFunctions = new Set(['unnest', 'range', 'generate_series'])

export function checkOwn(
  source: SourceDefinition,
  sql: string,
  parsed: Parsed,
  functions: ReadonlyMap<string, FunctionKind>,
): Finding[] {
  if (parsed.is === 'error') return [refuse(parsed.message, `one statement is asked for: ${form}`, parsed.byte)]
  const [select, second] = parsed.statements
  if (!select || second) return [refuse('it is not one statement', form, second ? byteOf(second) : null)]
  const end = semicolonIn(withoutSemicolon(sql))
  if (end !== null) return [refuse('something follows its semicolon', 'leave the semicolon out', end)]
  const names = new Set([ownRowsName, ...commonNames(select)])
  const columns = new Set(source.schema.map(({ name }) => name.toLowerCase()))
  return [
    ...new Map(
      walk(select, (node) => checkNode(node, names, columns, functions)).map((one) => [one.message, one]),
    ).values(),
  ]
}

/** The columns of its answer, of no rows; throws what the engine has against it. */
export function buildOwnDescribeQuery(source: SourceDefinition, sql: string): SqlQuery {
  const columns = source.schema.map((one: Column): [string, SqlType] => [one.name, seenType(one)])
  return { sql: `DESCRIBE ${buildOwnCheck(values(columns, []), sql).sql}` }
}

function walk(node: SyntaxNode, check: (node: SyntaxNode) => Finding[]): Finding[] {
  return [...check(node), ...childrenOf(node).flatMap((child) => walk(child, check))]
}

/** Names that a WITH gives, at any depth. */
function commonNames(node: SyntaxNode): string[] {
  const { map } = isNode(node.cte_map) ? node.cte_map : { map: null }
  const own = Array.isArray(map) ? (map as SyntaxNode[]).map(({ key }) => String(key).toLowerCase()) : []
  const named =
    node.type === 'CTE_NODE' || node.type === 'RECURSIVE_CTE_NODE' ? [String(node.cte_name).toLowerCase()] : []
  return [...own, ...named, ...childrenOf(node).flatMap(commonNames)]
}

function checkNode(
  node: SyntaxNode,
  names: ReadonlySet<string>,
  columns: ReadonlySet<string>,
  functions: ReadonlyMap<string, FunctionKind>,
): Finding[] {
  if (node.sample !== undefined) return [refuse('a sample is refused', 'it draws other rows each time', byteOf(node))]
  if (node.class === 'PARAMETER') return [refuse('a parameter is refused', 'write the value', byteOf(node))]
  if (isNode(node.from_table) && !isReadable(node.from_table))
    return [refuse(`${String(node.from_table.type)} is refused`, form, byteOf(node.from_table))]
  if (node.type === 'BASE_TABLE') return checkTable(node, names)
  if (node.type === 'TABLE_FUNCTION' && isNode(node.function)) {
    const name = String(node.function.function_name).toLowerCase()
    return knownTableFunctions.has(name)
      ? []
      : [refuse(`${name} is refused`, `it reads from ${ownRowsName} alone`, byteOf(node))]
  }
  if (node.class === 'FUNCTION') return checkFunction(node, functions)
  if (node.class === 'COLUMN_REF' && Array.isArray(node.column_names) && node.column_names.length === 1) {
    const name = String(node.column_names[0]).toLowerCase()
    if (functions.get(name) === 'changing' && !columns.has(name)) return [changing(node, name)]
  }
  return []
}

function isReadable(table: SyntaxNode): boolean {
  return readableTables.has(String(table.type)) || table.type === 'TABLE_FUNCTION'
}

function checkTable(node: SyntaxNode, names: ReadonlySet<string>): Finding[] {
  const { table_name: name, schema_name: schema, catalog_name: catalog } = node
  if (node.at_clause !== undefined) return [refuse('AT is refused', form, byteOf(node))]
  if (schema === undefined && catalog === undefined && names.has(String(name).toLowerCase())) return []
  const written = [catalog, schema, name].filter((part) => part !== undefined).join('.')
  const hint = `${didYouMean(String(name), [...names])}it reads the interval's rows, as ${ownRowsName}`
  return [refuse(`there is no table "${written}"`, hint, byteOf(node))]
}

function checkFunction(node: SyntaxNode, functions: ReadonlyMap<string, FunctionKind>): Finding[] {
  const name = String(node.function_name).toLowerCase()
  if (node.is_operator === true || name === '__postfix') return []
  const kind = functions.get(name)
  if (kind === undefined || (node.schema !== undefined && node.schema !== 'main'))
    return [
      refuse(
        `there is no function ${name}`,
        `${didYouMean(name, [...functions.keys()])}DuckDB's functions are known`,
        byteOf(node),
      ),
    ]
  if (kind === 'changing') return [changing(node, name)]
  if (kind === 'unknown')
    return [
      refuse(
        `${name} is not among the functions that are known to be of their arguments alone`,
        'write it with others of DuckDB',
        byteOf(node),
      ),
    ]
  return kind === 'table' && !knownTableFunctions.has(name)
    ? [refuse(`${name} is refused`, `it reads from ${ownRowsName} alone`, byteOf(node))]
    : []
}

function changing(node: SyntaxNode, name: string): Finding {
  return refuse(
    `${name} answers differently at another time or on another machine`,
    'a run that is repeated must be judged the same (R21)',
    byteOf(node),
  )
}

function refuse(message: string, hint: string, byte: number | null): Finding {
  return { code: 'DEFINE_QUERY_REFUSED', message, hint, byte }
}
