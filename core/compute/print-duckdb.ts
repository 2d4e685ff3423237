/**
 * DuckDB's words for the algebra: only this file and print-operation.ts know them. Names are always quoted; a value becomes text in `printLiteral`
 * alone.
 */
import { assert, assertNever } from '../errors.js'
import { carryColumns } from './carry-columns.js'
import { printOperation } from './print-operation.js'
import type { Aggregate, Expression, OrderTerm, Relation, SqlQuery, SqlType } from './sql-algebra.js'

/** A relation as one SELECT. */
export function printRelation(relation: Relation): string {
  switch (relation.is) {
    case 'select':
      return printSelect(relation)
    case 'unionAll':
      return relation.parts.map((part) => `(${printRelation(part)})`).join(' UNION ALL ')
    case 'values':
      return printValues(relation)
    case 'shared':
      return `WITH ${printName(relation.name)} AS MATERIALIZED (${printRelation(relation.relation)}) ${printRelation(relation.body)}`
    case 'writtenSelect':
      // The text ends in a line of its own, so that a comment at its end takes nothing with it.
      return `WITH ${printName(relation.name)} AS (${printRelation(relation.rows)}) ${carryColumns(relation.sql, relation.carried.map(printName))}\n`
    case 'table':
    case 'parquet':
    case 'csvText':
    case 'numberedParquet':
    case 'locatedParquet':
    case 'join':
      return `SELECT * FROM ${printFrom(relation)}`
    default:
      return assertNever(relation)
  }
}

export function printQuery(relation: Relation): SqlQuery {
  return { sql: printRelation(relation) }
}

/** `table`: computed once and kept for the session; `view`: computed wherever it is used. */
export function printCreate(kind: 'table' | 'view', name: string, relation: Relation): SqlQuery {
  return { sql: `CREATE OR REPLACE TEMP ${kind.toUpperCase()} ${printName(name)} AS ${printRelation(relation)}` }
}

/** Into a table that `printCreate` made, its columns in the same order. */
export function printInsert(name: string, relation: Relation): SqlQuery {
  return { sql: `INSERT INTO ${printName(name)} ${printRelation(relation)}` }
}

export function printDrop(kind: 'table' | 'view', name: string): SqlQuery {
  return { sql: `DROP ${kind.toUpperCase()} IF EXISTS ${printName(name)}` }
}

/**
 * Writes a file of committed rows or tiles. LZ4: training sets and publishes read it many times, at two to three times the speed of zstd,
 * and it is a little larger.
 */
export function printCommittedFile(select: string, uri: string): SqlQuery {
  return { sql: `COPY (${select}) TO ${printText(uri)} (FORMAT parquet, COMPRESSION lz4_raw)` }
}

/** Footers of Parquet files: each file's columns as a tree, depth first. */
export function printFileSchemas(files: readonly string[]): SqlQuery {
  return {
    sql: `SELECT "file_name", "name", "type", "num_children", "repetition_type", "converted_type", "logical_type", "duckdb_type" FROM parquet_schema([${files.map(printPath).join(', ')}])`,
  }
}

/** Which of these files Spark wrote: its timestamps are of microseconds, whatever type holds them. */
export function printFilesOfSpark(files: readonly string[]): SqlQuery {
  const list = `[${files.map(printPath).join(', ')}]`
  return {
    sql: `SELECT "file_name" FROM parquet_file_metadata(${list}) WHERE "created_by" LIKE 'parquet-mr%' AND "file_name" IN (SELECT "file_name" FROM parquet_kv_metadata(${list}) WHERE "key" = 'org.apache.spark.version'::BLOB)`,
  }
}

/** Which of these files hold no row. */
export function printEmptyFiles(files: readonly string[]): SqlQuery {
  return {
    sql: `SELECT "file_name" FROM parquet_file_metadata([${files.map(printPath).join(', ')}]) WHERE "num_rows" = 0`,
  }
}

/** How many rows each of these files says that it holds. */
export function printFileRows(files: readonly string[]): SqlQuery {
  return {
    sql: `SELECT "file_name", "num_rows" FROM parquet_file_metadata([${files.map(printPath).join(', ')}])`,
  }
}

/**
 * Of each column that every row group of these files has: `is_null`, nothing but nulls; `has_no_null`; `is_zero`, where it has values, these are 0.
 * Of floats that is not known: a footer's 0 may stand for -0.0, and says nothing of NaN.
 * As many digits after the point as there may be: fewer would round a small decimal to 0.
 */
export function printColumnConstants(files: readonly string[]): SqlQuery {
  const [isNull, hasNoNull] = ['"stats_null_count" = "num_values"', '"stats_null_count" = 0']
  const isZero = ['"stats_min_value"', '"stats_max_value"'].map((bound) => `TRY_CAST(${bound} AS DECIMAL(38, 38)) = 0`)
  const isWhole = `"type" IN ('INT32', 'INT64', 'FIXED_LEN_BYTE_ARRAY')`
  const always = (condition: string): string => `bool_and(coalesce(${condition}, false))`
  const isZeroOrNull = `${isNull} OR (${isWhole} AND "stats_null_count" IS NOT NULL AND ${isZero.join(' AND ')})`
  return {
    sql: `SELECT "path_in_schema" AS "name", ${always(isNull)} AS "is_null", ${always(hasNoNull)} AS "has_no_null", ${always(isZeroOrNull)} AS "is_zero" FROM parquet_metadata([${files.map(printPath).join(', ')}]) GROUP BY "path_in_schema" QUALIFY count(*) = max(count(*)) OVER ()`,
  }
}

/** The first line of a CSV file as `column_name`, in order: read as names, the engine would rename those that differ only by case. */
export function printCsvHeader(file: string): SqlQuery {
  const line = `SELECT * FROM read_csv(${printPath(file)}, header = false, ${csvOptions}, parallel = false) LIMIT 1`
  return {
    sql: `SELECT "column_name" FROM (${line}) UNPIVOT INCLUDE NULLS ("column_name" FOR "position" IN (COLUMNS(*)))`,
  }
}

export function printName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

function printText(text: string): string {
  // DuckDB has no escapes inside '…' but the doubled quote; a NUL byte would end the statement's text.
  assert(!text.includes('\0'), 'text in SQL has no NUL byte')
  return `'${text.replaceAll("'", "''")}'`
}

export function printLiteral(value: null | boolean | bigint | number | string): string {
  if (value === null) return 'NULL'
  if (typeof value === 'boolean') return value ? 'true' : 'false'
  if (typeof value === 'bigint') return value < 0n ? `(${value})` : `${value}`
  if (typeof value === 'string') {
    // A key may hold a NUL, as any other letter.
    const parts = value.split('\0').map(printText)
    return parts.length === 1 ? parts[0]! : `(${parts.join(' || chr(0) || ')})`
  }
  assert(Number.isFinite(value), 'a floating-point literal is finite')
  return `CAST(${printText(String(value))} AS DOUBLE)`
}

export function printType(type: SqlType): string {
  switch (type.kind) {
    case 'decimal':
      return `DECIMAL(${type.precision},${type.scale})`
    case 'list':
      return `${printType(type.of)}[]`
    case 'map':
      return `MAP(${printType(type.key)}, ${printType(type.of)})`
    case 'struct':
      return `STRUCT(${type.fields.map(([name, of]) => `${printName(name)} ${printType(of)}`).join(', ')})`
    default:
      return scalarTypes[type.kind]
  }
}

const scalarTypes = {
  boolean: 'BOOLEAN',
  int8: 'TINYINT',
  int16: 'SMALLINT',
  int32: 'INTEGER',
  int64: 'BIGINT',
  int128: 'HUGEINT',
  uint8: 'UTINYINT',
  uint16: 'USMALLINT',
  uint32: 'UINTEGER',
  uint64: 'UBIGINT',
  float32: 'FLOAT',
  float64: 'DOUBLE',
  string: 'VARCHAR',
  binary: 'BLOB',
  date: 'DATE',
  instant: 'HUGEINT',
  storedInstant: 'DECIMAL(38,0)',
  timestampUs: 'TIMESTAMP',
  timestampNs: 'TIMESTAMP_NS',
} as const

/** DuckDB opens paths as globs: what is special there stands for itself inside brackets. */
function printPath(path: string): string {
  return printText(path.replace(/[*?[]/g, (special) => `[${special}]`))
}

/**
 * What is not named the engine guesses from the file: that lines which begin with `#` are comments, that `'` is a quote, that first lines are
 * notes; rows and letters go without a word (R14). Only the delimiter is left to it.
 */
const csvOptions = `all_varchar = true, allow_quoted_nulls = false, hive_partitioning = false, comment = '', quote = '"', escape = '"', skip = 0, strict_mode = true, null_padding = false, ignore_errors = false`

const joinWords = {
  inner: 'JOIN',
  left: 'LEFT JOIN',
  semi: 'SEMI JOIN',
  anti: 'ANTI JOIN',
  asofLeft: 'ASOF LEFT JOIN',
} as const

function printFrom(relation: Relation): string {
  switch (relation.is) {
    case 'table':
      return printName(relation.name)
    case 'parquet':
      return relation.mayLack.length === 0 ? printRead(relation, false) : printPadded(relation)
    case 'csvText':
      // Read by one thread, so that rows are numbered in the file's order.
      return `read_csv(${printPath(relation.file)}, header = true, ${csvOptions}, parallel = false)`
    case 'numberedParquet':
      return `read_parquet(${printPath(relation.file)}, hive_partitioning = false, file_row_number = true)`
    case 'locatedParquet':
      return `read_parquet([${relation.files.map(printPath).join(', ')}], hive_partitioning = false, file_row_number = true, filename = '__file')`
    case 'join': {
      const isChain = relation.left.is === 'join'
      const left = isChain ? printFrom(relation.left) : `${printFrom(relation.left)} AS ${printName(relation.leftAs)}`
      const right = `${printFrom(relation.right)} AS ${printName(relation.rightAs)}`
      const kind = joinWords[relation.kind]
      return `${left} ${kind} ${right} ON ${printExpression(relation.on)}`
    }
    default:
      return `(${printRelation(relation)})`
  }
}

type ParquetFiles = Extract<Relation, { is: 'parquet' }>

// Hive partitioning is off: a folder `date=…` would hide a column `date`.
function printRead({ files }: ParquetFiles, byName: boolean): string {
  return `read_parquet([${files.map(printPath).join(', ')}], hive_partitioning = false, union_by_name = ${byName})`
}

/** By name alone a column that every file lacks would not exist. The part without rows is planned away; filters reach the files. */
function printPadded(relation: ParquetFiles): string {
  const none = printValues({ is: 'values', columns: relation.mayLack, rows: [] })
  return `(SELECT * FROM ${printRead(relation, true)} UNION ALL BY NAME ${none})`
}

function printSelect(relation: Extract<Relation, { is: 'select' }>): string {
  const names = new Set(relation.columns.map(([name]) => name))
  assert(names.size === relation.columns.length, 'a select names each column once')
  const columns = relation.columns.map(([name, value]) => `${printExpression(value)} AS ${printName(name)}`).join(', ')
  const alias = relation.from.is === 'join' ? '' : ' AS "_"'
  return [
    `SELECT ${relation.distinct ? 'DISTINCT ' : ''}${columns} FROM ${printFrom(relation.from)}${alias}`,
    relation.where && `WHERE ${printExpression(relation.where)}`,
    relation.groupBy.length > 0 && `GROUP BY ${relation.groupBy.map(printExpression).join(', ')}`,
    relation.qualify && `QUALIFY ${printExpression(relation.qualify)}`,
    relation.orderBy.length > 0 && `ORDER BY ${printOrder(relation.orderBy)}`,
    relation.limit !== null && `LIMIT ${relation.limit}`,
  ]
    .filter(Boolean)
    .join(' ')
}

function printValues(relation: Extract<Relation, { is: 'values' }>): string {
  const columns = relation.columns
    .map(([name, type]) => `CAST(${printName(name)} AS ${printType(type)}) AS ${printName(name)}`)
    .join(', ')
  const names = relation.columns.map(([name]) => printName(name)).join(', ')
  const rows =
    relation.rows.length > 0
      ? relation.rows
      : [relation.columns.map((): Expression => ({ is: 'literal', value: null }))]
  const list = rows.map((row) => `(${row.map(printExpression).join(', ')})`).join(', ')
  return `SELECT ${columns} FROM (VALUES ${list}) AS "_"(${names})${relation.rows.length === 0 ? ' WHERE false' : ''}`
}

function printOrder(terms: readonly OrderTerm[]): string {
  return terms
    .map(({ by, descending }) => `${printExpression(by)} ${descending ? 'DESC NULLS LAST' : 'ASC NULLS FIRST'}`)
    .join(', ')
}

export function printExpression(expression: Expression): string {
  switch (expression.is) {
    case 'column':
      return expression.of === null
        ? printName(expression.name)
        : `${printName(expression.of)}.${printName(expression.name)}`
    case 'literal':
      return printLiteral(expression.value)
    case 'operation':
      return printOperation(expression.operator, expression.operands.map(printExpression))
    case 'case':
      return `CASE ${expression.branches.map(([when, value]) => `WHEN ${printExpression(when)} THEN ${printExpression(value)}`).join(' ')} ELSE ${printExpression(expression.otherwise)} END`
    case 'cast':
      return `${expression.nullWhenUnfit ? 'TRY_CAST' : 'CAST'}(${printExpression(expression.operand)} AS ${printType(expression.to)})`
    case 'struct':
      return `struct_pack(${expression.fields.map(([name, value]) => `${printName(name)} := ${printExpression(value)}`).join(', ')})`
    case 'field':
      return `struct_extract(${printExpression(expression.operand)}, ${printText(expression.name)})`
    case 'aggregate':
      return printAggregate(expression.aggregate, expression.operand, expression.where)
    case 'largest':
      return `max(${printExpression(expression.operand)}, ${expression.n})${printFilter(expression.where)}`
    case 'each':
      return `list_transform(${printExpression(expression.list)}, lambda ${printName(expression.item)}: ${printExpression(expression.body)})`
    case 'rowNumber':
      return `row_number() OVER (${printPartition(expression.partitionBy)}${expression.orderBy.length > 0 ? `ORDER BY ${printOrder(expression.orderBy)}` : ''})`
    case 'running':
      return `${printAggregate(expression.aggregate, expression.operand, null)} OVER (${printPartition(expression.partitionBy)}ORDER BY ${printExpression(expression.orderBy)} RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)`
    case 'around': {
      const reach = printLiteral(expression.reach)
      return `${printAggregate(expression.aggregate, expression.operand, null)} OVER (${printPartition(expression.partitionBy)}ORDER BY ${printExpression(expression.orderBy)} RANGE BETWEEN ${reach} PRECEDING AND ${reach} FOLLOWING)`
    }
    case 'next':
      return `lead(${printExpression(expression.operand)}${expression.rowsOn === undefined ? '' : `, ${expression.rowsOn}`}) OVER (${printPartition(expression.partitionBy)}ORDER BY ${printOrder(expression.orderBy)})`
    default:
      return assertNever(expression)
  }
}

function printPartition(by: readonly Expression[]): string {
  return by.length === 0 ? '' : `PARTITION BY ${by.map(printExpression).join(', ')} `
}

function printAggregate(name: Aggregate, operand: Expression | null, where: Expression | null): string {
  const functions = {
    count: 'count',
    sum: 'sum',
    min: 'min',
    max: 'max',
    list: 'list',
    any: 'any_value',
    boolOr: 'bool_or',
  }
  return `${functions[name]}(${operand === null ? '*' : printExpression(operand)})${printFilter(where)}`
}

function printFilter(where: Expression | null): string {
  return where === null ? '' : ` FILTER (WHERE ${printExpression(where)})`
}
