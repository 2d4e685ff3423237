/** What a query answers with, against its declared schema: every column there, of a type that the declared one holds (R20). */
import { formatColumnType } from '../../define/column-types.js'
import type { Column, SourceDefinition } from '../../define/definitions.js'
import { didYouMean } from '../../define/did-you-mean.js'
import { canHold } from '../../source/index.js'
import { printRelation, printType } from '../print-duckdb.js'
import { queryNumberColumn, writtenSelect } from '../query-rows.js'
import { seenType } from '../seen-value.js'
import { type SqlQuery, type SqlType, values } from '../sql-algebra.js'
import { selectList } from './check-names.js'
import type { Finding } from './finding.js'
import { byteOf, type SyntaxNode } from './syntax-tree.js'

/** The columns of the SQL as it is run, of no rows: `column_name`, `column_type`. */
export function buildDescribeQuery(source: SourceDefinition): SqlQuery {
  const { from, with: dimensions } = source.query!
  const seen = (columns: readonly Column[]) => columns.map((one): [string, SqlType] => [one.name, seenType(one)])
  const read = (one: Column): [string, SqlType] => [
    one.name,
    one.kind === 'timestamp' ? { kind: 'instant' } : seenType(one),
  ]
  const columns: [string, SqlType][] = [
    ...from.schema.map(read),
    ...dimensions.map((one): [string, SqlType] => [one.alias, { kind: 'struct', fields: seen(one.source.schema) }]),
    [queryNumberColumn, { kind: 'int64' }],
  ]
  return { sql: `DESCRIBE SELECT * FROM (${printRelation(writtenSelect(source, values(columns, [])))})` }
}

export function checkTypes(
  source: SourceDefinition,
  select: SyntaxNode,
  described: readonly Readonly<Record<string, unknown>>[],
): Finding[] {
  const answered = described.slice(1).map((row) => ({ name: String(row.column_name), type: String(row.column_type) }))
  const list = selectList(select)
  const byteAt = (index: number): number | null => (list[index] ? byteOf(list[index]) : null)
  const names = answered.map(({ name }) => name)
  return [
    ...source.schema.flatMap((declared): Finding[] => {
      const at = names.indexOf(declared.name)
      return at < 0
        ? [missing(declared, names)]
        : checkColumn(source, declared, answered[at]!.type, list[at], byteAt(at))
    }),
    ...names.flatMap((name, at): Finding[] => {
      if (names.indexOf(name) !== at)
        return [refusal(`"${name}" is named twice`, 'give one of the two another name: … AS other', byteAt(at))]
      if (source.schema.some((declared) => declared.name === name)) return []
      const known = source.schema.map((declared) => declared.name)
      return [
        {
          code: 'DEFINE_UNKNOWN_COLUMN',
          message: `the SQL answers with "${name}", which its schema does not have`,
          hint: `${didYouMean(name, known)}declare it, call it by one of ${known.join(', ')} (… AS name), or leave it out`,
          byte: byteAt(at),
          column: name,
        },
      ]
    }),
  ]
}

function missing(declared: Column, names: readonly string[]): Finding {
  return {
    code: 'DEFINE_UNKNOWN_COLUMN',
    message: `the SQL does not answer with "${declared.name}", which its schema has`,
    hint: `${didYouMean(declared.name, names)}… AS ${declared.name}`,
    byte: null,
    column: declared.name,
  }
}

function checkColumn(
  source: SourceDefinition,
  declared: Column,
  type: string,
  node: SyntaxNode | undefined,
  byte: number | null,
): Finding[] {
  const { eventTime, createdTime } = source
  if (declared.name === eventTime || declared.name === createdTime) {
    const parts = node?.class === 'COLUMN_REF' ? (node.column_names as string[]) : []
    if (parts.at(-1)?.toLowerCase() === declared.name.toLowerCase()) return []
    return [
      refusal(
        `"${declared.name}" is the time of the row, and the SQL changes it`,
        `name it as it is: ${declared.name}; what is made of it gets another name`,
        byte,
      ),
    ]
  }
  const fits = declared.kind === 'timestamp' ? type === 'TIMESTAMP' : canHold(declared, type)
  if (fits) return []
  return [
    refusal(
      `"${declared.name}" is declared ${formatColumnType({ ...declared, nullable: false })}, the SQL answers with ${type}`,
      `CAST(… AS ${printType(seenType(declared))}) AS ${declared.name}, or declare it otherwise`,
      byte,
    ),
  ]
}

function refusal(message: string, hint: string, byte: number | null): Finding {
  return { code: 'DEFINE_QUERY_REFUSED', message, hint, byte }
}
