/** Which functions a query may call: those whose answer depends on nothing but what they are given, for one row. */
import type { SqlQuery } from '../sql-algebra.js'
import { rowFunctions } from './row-functions.js'

export type FunctionKind =
  | 'row'
  /** Another answer at another time, or on another machine. */
  | 'changing'
  /** Nobody looked whether it is one of those. */
  | 'unknown'
  /** Of many rows. */
  | 'aggregate'
  /** Makes rows. */
  | 'table'

/** Answer of the same settings on the same machine, and of nothing else; the engine calls them consistent, or expands them to a text. */
const tellingOfMachine =
  /^(current_.*|session_user|user|version|getvariable|current_setting|getenv|ago|pg_.*|has_.*_privilege|inet_.*|format_type|get_block_size|col_description|obj_description|shobj_description|txid_current|in_search_path|query|query_table|parse_duckdb_log_message|write_log|sleep_ms|stats|can_cast_implicitly|add_parquet_key|json_execute_serialized_sql|json_serialize_plan|vector_type)$/

/** Rows for `functionKindsFrom`. */
export const functionNames: SqlQuery = {
  sql: `SELECT DISTINCT "function_name", "function_type", "stability", "macro_definition" FROM duckdb_functions() WHERE "database_name" = 'system'`,
}

/** By lower-case name. A name of several kinds is refused for the worst of them, except that a function of rows may have a table's twin. */
export function functionKindsFrom(rows: readonly Readonly<Record<string, unknown>>[]): Map<string, FunctionKind> {
  const kinds = new Map<string, FunctionKind>()
  for (const row of rows) {
    const name = String(row.function_name).toLowerCase()
    const kind = kindOf(name, row)
    const known = kinds.get(name)
    if (known === undefined || rankOf(kind) > rankOf(known)) kinds.set(name, kind)
  }
  const macros = rows.filter((row) => row.function_type === 'macro')
  // A macro is what it is made of, and may be made of macros.
  for (let isChanged = true; isChanged; ) isChanged = macros.some((macro) => takeOver(kinds, macro))
  for (const [name, kind] of kinds) if (kind === 'row' && !rowFunctions.has(name)) kinds.set(name, 'unknown')
  kinds.set('unnest', 'table')
  return kinds
}

/** Whether the macro calls what its own kind does not say. */
function takeOver(kinds: Map<string, FunctionKind>, macro: Readonly<Record<string, unknown>>): boolean {
  const name = String(macro.function_name).toLowerCase()
  if (kinds.get(name) !== 'row') return false
  const called = [...String(macro.macro_definition).matchAll(/([a-z_0-9]+)\(/gi)].map(([, one]) => one!.toLowerCase())
  const kind = called.map((one) => kinds.get(one)).find((one) => one !== undefined && one !== 'row')
  if (kind !== undefined) kinds.set(name, kind)
  return kind !== undefined
}

function kindOf(name: string, row: Readonly<Record<string, unknown>>): FunctionKind {
  if (tellingOfMachine.test(name)) return 'changing'
  switch (row.function_type) {
    case 'scalar':
      return row.stability === 'CONSISTENT' ? 'row' : 'changing'
    case 'macro':
      return 'row'
    case 'aggregate':
      return 'aggregate'
    default:
      return 'table'
  }
}

function rankOf(kind: FunctionKind): number {
  return ['table', 'row', 'aggregate', 'unknown', 'changing'].indexOf(kind)
}
