/** What DuckDB's parser says of a text (`json_serialize_sql`): a tree of nodes, each with the byte at which it was written. */
import { MillcourseError } from '../../errors.js'
import { printLiteral } from '../print-duckdb.js'
import type { SqlQuery } from '../sql-algebra.js'

export type SyntaxNode = Readonly<Record<string, unknown>>

export type Parsed =
  | { readonly is: 'statements'; readonly statements: readonly SyntaxNode[] }
  | { readonly is: 'error'; readonly message: string; readonly byte: number | null }

/** One row with the tree as text, for `parsedFrom`. */
export function buildParseQuery(sql: string): SqlQuery {
  return {
    sql: `SELECT json_serialize_sql(${printLiteral(sql)}, skip_null := true, skip_empty := true, skip_default := true) AS "tree"`,
  }
}

export function parsedFrom(row: Readonly<Record<string, unknown>> | undefined): Parsed {
  const tree = JSON.parse(String(row?.tree)) as SyntaxNode
  if (tree.error === true)
    return {
      is: 'error',
      message: String(tree.error_message),
      byte: tree.position === undefined ? null : Number(tree.position),
    }
  const { statements } = tree
  if (!Array.isArray(statements)) throw new MillcourseError('INTERNAL', 'the parser answers with statements')
  return { is: 'statements', statements: statements.map(({ node }: SyntaxNode) => node as SyntaxNode) }
}

export function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The nodes right below one. */
export function childrenOf(node: SyntaxNode): SyntaxNode[] {
  return Object.values(node).flatMap((value) =>
    Array.isArray(value) ? value.filter(isNode) : isNode(value) ? [value] : [],
  )
}

/** Where a node, or else the first one below it, was written. */
export function byteOf(node: SyntaxNode): number | null {
  if (typeof node.query_location === 'number') return node.query_location
  for (const child of childrenOf(node)) {
    const byte = byteOf(child)
    if (byte !== null) return byte
  }
  return null
}
