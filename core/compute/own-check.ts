/** A view's own check as it is run: how many bad rows its SQL answers with, and a few of them. */
import type { SourceDefinition } from '../define/definitions.js'
import { printRelation } from './print-duckdb.js'
import { seenValue } from './seen-value.js'
import { column, type NamedExpression, type Relation, type SqlQuery, select, table } from './sql-algebra.js'

/** What the SQL calls the interval's kept rows. */
export const ownRowsName = 'rows'
const examplesMax = 3
const exampleCharactersMax = 300

/** One row for `ownAnswerFrom`. @param rows with the declared columns as a person's SQL sees them (seen-value.ts) */
export function buildOwnCheck(rows: Relation, sql: string): SqlQuery {
  // On lines of its own: it may end with a comment.
  const bad = `"${ownRowsName}" AS (${printRelation(rows)}), "__bad" AS MATERIALIZED (\n${withoutSemicolon(sql)}\n)`
  const examples = `SELECT list("example") FROM (SELECT CAST(to_json("one") AS VARCHAR) AS "example" FROM "__bad" AS "one" LIMIT ${examplesMax})`
  return { sql: `WITH ${bad} SELECT (SELECT count(*) FROM "__bad") AS "bad", (${examples}) AS "examples"` }
}

export function withoutSemicolon(sql: string): string {
  return sql.trim().replace(/;$/, '')
}

/** @param kept relation of the interval's kept rows (interval-query.ts) */
export function keptAsSeen(source: SourceDefinition, kept: string): Relation {
  return select(
    table(kept),
    source.schema.map((declared): NamedExpression => [declared.name, seenValue(declared, column(declared.name))]),
  )
}

export function ownAnswerFrom(row: Readonly<Record<string, unknown>>): {
  readonly rows: number
  /** Each a row as JSON, cut where it is long. */
  readonly examples: readonly string[]
} {
  const examples = (row.examples ?? []) as readonly string[]
  const cut = (text: string) =>
    text.length <= exampleCharactersMax ? text : `${text.slice(0, exampleCharactersMax - 1)}…`
  return { rows: Number(row.bad), examples: examples.map(cut) }
}
