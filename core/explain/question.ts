/** What an explanation is asked for: keys and times, as tables of the engine. */
import { storedSqlType } from '../compute/column-types.js'
import { printCreate } from '../compute/print-duckdb.js'
import {
  cast,
  column,
  type Expression,
  literal,
  type NamedExpression,
  type Relation,
  type SqlQuery,
  type SqlType,
  select,
  values,
} from '../compute/sql-algebra.js'
import type { ViewBundle } from '../define/definitions.js'
import { assert } from '../errors.js'
import { encodeKey, type PackedValue } from '../publish/index.js'
import type { Instant } from '../time/instant.js'

export interface Question {
  /** In the entity's key order, no part null (R5: a null matches nothing). */
  readonly key: readonly PackedValue[]
  readonly at: Instant
}

/** A table as training's builders take a spine: `__row`, `__t` and `__key0_<part>`. */
export function createQuestions(bundle: ViewBundle, questions: readonly Question[], name: string): SqlQuery {
  const columns: readonly (readonly [string, SqlType])[] = [
    ['__row', { kind: 'int64' }],
    ['__t', { kind: 'storedInstant' }],
    ...bundle.entity.keys.map((key, part) => [`__key0_${part}`, storedSqlType(key)] as const),
  ]
  const rows = questions.map(({ key, at }, row) => [literal(BigInt(row)), literal(at), ...key.map(keyLiteral)])
  return printCreate('table', name, typedValues(columns, rows))
}

/** Each key once, under the entity's names: what builders call `keysFrom`. */
export function createKeys(bundle: ViewBundle, questions: readonly Question[], name: string): SqlQuery {
  const columns = bundle.entity.keys.map((key) => [key.name, storedSqlType(key)] as const)
  return printCreate(
    'table',
    name,
    typedValues(
      columns,
      distinctKeys(bundle, questions).map((key) => key.map(keyLiteral)),
    ),
  )
}

export function distinctKeys(bundle: ViewBundle, questions: readonly Question[]): (readonly PackedValue[])[] {
  return [...new Map(questions.map(({ key }) => [keyText(bundle, key), key])).values()]
}

/** The same for two spellings of one key, another for any other key (R12, R13). */
export function keyText(bundle: ViewBundle, key: readonly unknown[]): string {
  return encodeKey(bundle.entity.keys, key).join()
}

/** As `keyText`, of a key as the product's own files hold it: an instant is a decimal there, which comes as its text. */
export function storedKeyText(bundle: ViewBundle, key: readonly unknown[]): string {
  const { keys } = bundle.entity
  return keyText(
    bundle,
    key.map((value, part) => (keys[part]!.kind === 'timestamp' && typeof value === 'string' ? BigInt(value) : value)),
  )
}

/** The engine reads a byte string from its bytes in hex. */
function keyLiteral(part: PackedValue): Expression {
  assert(!Array.isArray(part), 'a part of a key is no list')
  if (!(part instanceof Uint8Array)) return literal(part as null | boolean | bigint | number | string)
  return literal([...part].map((byte) => `\\x${byte.toString(16).padStart(2, '0').toUpperCase()}`).join(''))
}

function typedValues(
  columns: readonly (readonly [string, SqlType])[],
  rows: readonly (readonly Expression[])[],
): Relation {
  const cells: readonly NamedExpression[] = columns.map(([name, type]) => [name, cast(column(name), type)])
  return select(values(columns, rows), cells)
}
