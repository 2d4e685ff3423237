/** The names and functions of a query: columns are declared ones, and the same row gives the same answer at any time (R21). */
import type { SourceDefinition } from '../../define/definitions.js'
import { didYouMean } from '../../define/did-you-mean.js'
import type { Finding } from './finding.js'
import type { FunctionKind } from './function-names.js'
import { aggregatesOfLists, lambdaFunctions } from './row-functions.js'
import { byteOf, childrenOf, isNode, type SyntaxNode } from './syntax-tree.js'

interface Names {
  readonly source: SourceDefinition
  /** What the table goes by. */
  readonly table: string
  /** Names given in the SELECT, which later expressions may use. */
  readonly given: ReadonlySet<string>
  readonly functions: ReadonlyMap<string, FunctionKind>
}

const refusedClasses: Readonly<Record<string, readonly [what: string, hint: string]>> = {
  SUBQUERY: [
    'a subquery',
    'it could see rows of other times; another source is a dimension: with: { name: asOf(source, { … }) }',
  ],
  WINDOW: [
    'a window function',
    'it sees rows of other times and intervals; windows are features: window.sum(…) and the like',
  ],
  STAR: ['*', 'name the columns, so that a new column of the source changes nothing here'],
  PARAMETER: ['a parameter', 'write the value'],
  POSITIONAL_REFERENCE: ['a column by its number', 'write its name'],
  DEFAULT: ['DEFAULT', 'write the value'],
}
const functionHints: Readonly<Record<Exclude<FunctionKind, 'row'>, readonly [what: string, hint: string]>> = {
  changing: [
    'answers differently at another time or on another machine',
    "a run that is repeated must give the same rows (R21); the row's own times are columns",
  ],
  unknown: [
    'is not among the functions that are known to make the same of the same row',
    'write it with others of DuckDB, or let the source hold it as a column',
  ],
  aggregate: ['is of many rows', 'aggregates are features: window.sum(…) and the like; of a list: list_sum(…)'],
  table: ['makes rows', 'each row of the answer is made of one row'],
}

export function checkNames(
  source: SourceDefinition,
  select: SyntaxNode,
  functions: ReadonlyMap<string, FunctionKind>,
): Finding[] {
  const list = selectList(select)
  const { table_name: name, alias } = select.from_table as SyntaxNode
  const names: Names = {
    source,
    table: String(alias ?? name).toLowerCase(),
    given: new Set(list.flatMap((one) => (typeof one.alias === 'string' ? [one.alias.toLowerCase()] : []))),
    functions,
  }
  const where = select.where_clause
  return [...list, ...(isNode(where) ? [where] : [])].flatMap((one) => checkExpression(names, one, new Set()))
}

export function selectList(select: SyntaxNode): SyntaxNode[] {
  return Array.isArray(select.select_list) ? select.select_list.filter(isNode) : []
}

function checkExpression(names: Names, node: SyntaxNode, bound: ReadonlySet<string>): Finding[] {
  const refused = refusedClasses[String(node.class)]
  if (refused) return [refusal(node, `${refused[0]} is refused`, refused[1])]
  if (node.type === 'GROUPING_FUNCTION') return [refusal(node, 'GROUPING is refused', functionHints.aggregate[1])]
  if (node.class === 'COLUMN_REF') return checkColumn(names, node, bound)
  if (node.class === 'CAST' && JSON.stringify(node.cast_type).includes('TIME WITH TIME ZONE"'))
    return [
      refusal(
        node,
        'a time of day with a zone is refused',
        'which zone it is in summer is counted to today; TIME has none',
      ),
    ]
  // `a -> '$'` of JSON is parsed as a lambda is: its left side is then a column as any other.
  const lambda = lambdaOf(node)
  const below = childrenOf(node).flatMap((child) =>
    child === lambda && isNode(child.lhs) && isNode(child.expr)
      ? checkExpression(names, child.expr, new Set([...bound, ...parametersOf(child.lhs)]))
      : checkExpression(names, child, bound),
  )
  return node.class === 'FUNCTION' ? [...checkFunction(names, node), ...below] : below
}

function lambdaOf(node: SyntaxNode): SyntaxNode | null {
  if (node.class !== 'FUNCTION' || !lambdaFunctions.has(String(node.function_name).toLowerCase())) return null
  const second: unknown = Array.isArray(node.children) ? node.children[1] : null
  return isNode(second) && second.class === 'LAMBDA' ? second : null
}

function refusal(node: SyntaxNode, message: string, hint: string): Finding {
  return { code: 'DEFINE_QUERY_REFUSED', message, hint, byte: byteOf(node) }
}

function parametersOf(lhs: SyntaxNode): string[] {
  if (lhs.class === 'COLUMN_REF') return partsOf(lhs).slice(0, 1)
  return childrenOf(lhs).flatMap(parametersOf)
}

function checkFunction({ functions }: Names, node: SyntaxNode): Finding[] {
  const name = String(node.function_name).toLowerCase()
  if (node.is_operator === true || (name.startsWith('__') && name === '__postfix')) return []
  const kind = functions.get(name)
  // With one operand it counts to today.
  const isAge = name === 'age' && Array.isArray(node.children) && node.children.length === 1
  if (kind === undefined || name.startsWith('__') || (node.schema !== undefined && node.schema !== 'main'))
    return [
      refusal(
        node,
        `there is no function ${name}`,
        `${didYouMean(name, [...functions.keys()])}DuckDB's functions of one row are known`,
      ),
    ]
  if (aggregatesOfLists.has(name) && !isKnownAggregate(node, functions))
    return [refusal(node, `${name} is refused`, 'each aggregate of a list has a function: list_sum(…), list_max(…)')]
  if (kind === 'row' && !isAge) return []
  const [what, hint] = functionHints[kind === 'row' ? 'changing' : kind]
  return [refusal(node, `${name} ${what}`, hint)]
}

/** Whether the aggregate is named as it is written, and is one that a function `list_…` stands for. */
function isKnownAggregate({ children }: SyntaxNode, functions: Names['functions']): boolean {
  const named: unknown = Array.isArray(children) ? children[1] : null
  if (!isNode(named) || named.class !== 'CONSTANT' || !isNode(named.value)) return false
  return functions.get(`list_${String(named.value.value).toLowerCase()}`) === 'row'
}

const partsOf = (node: SyntaxNode): string[] => (node.column_names as string[]).map((part) => part.toLowerCase())

function checkColumn(names: Names, node: SyntaxNode, bound: ReadonlySet<string>): Finding[] {
  const { source, table, given, functions } = names
  const { from, with: dimensions } = source.query!
  const parts = partsOf(node)
  const written = (node.column_names as string[]).join('.')
  const path = parts.length > 1 && parts[0] === table ? parts.slice(1) : parts
  const [first, second] = path
  const unknown = (message: string, known: readonly string[], asked: string): Finding[] => [
    {
      code: 'DEFINE_UNKNOWN_COLUMN',
      message,
      hint: `${didYouMean(asked, known)}there are ${known.join(', ')}`,
      byte: byteOf(node),
      column: written,
    },
  ]
  const dimension = dimensions.find(({ alias }) => alias.toLowerCase() === first)
  if (dimension) {
    const columns = dimension.source.schema.map(({ name }) => name)
    if (second === undefined)
      return [
        refusal(
          node,
          `"${written}" is a dimension, not a column`,
          `one of its columns: ${dimension.alias}.${columns[0]}`,
        ),
      ]
    return columns.some((name) => name.toLowerCase() === second)
      ? []
      : unknown(`dimension "${dimension.alias}" has no column "${second}"`, columns, second)
  }
  if (bound.has(first!) || (path === parts && given.has(first!))) return []
  if (from.schema.some(({ name }) => name.toLowerCase() === first)) return []
  if (path.length === 1 && functions.get(first!) === 'changing')
    return [refusal(node, `${first} ${functionHints.changing[0]}`, functionHints.changing[1])]
  const known = [...from.schema.map(({ name }) => name), ...dimensions.map(({ alias }) => `${alias}.…`)]
  return unknown(`source "${from.name}" has no column "${written}"`, known, written)
}
