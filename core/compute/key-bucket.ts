/**
 * Which bucket of a compaction a key lies in: the same in every release of the engine, hence by md5 and the text of the key's parts, not
 * by the engine's own hash. Buckets nest: `of` being a power of two, a bucket of 2n lies in the one of n with its number modulo n.
 */
import type { Column } from '../define/column-type.js'
import { cast, type Expression, literal, operation, type SqlType } from './sql-algebra.js'

const int64: SqlType = { kind: 'int64' }
/** Hexadecimal digits of each part's hash that count: 32 bits, so that nothing below leaves 64. */
const digits = 8n

/**
 * The number of the bucket. @param keys the entity's @param values of its keys, in the types that files hold (`storedSqlType`): in another
 * type, such as a decimal of more places, a key would have another text @param of a power of two
 */
export function keyBucket(keys: readonly Column[], values: readonly Expression[], of: number): Expression {
  const buckets = literal(BigInt(of))
  const hashes = values.map((value, part) =>
    operation('hexPart', operation('md5', textOf(value, keys[part]!)), literal(1n), literal(digits)),
  )
  const sum = hashes.reduce<Expression>(
    (before, hash) => operation('remainder', operation('+', operation('*', before, literal(31n)), hash), buckets),
    literal(0n),
  )
  return cast(sum, int64)
}

/** No two keys of a type share it. */
function textOf(value: Expression, { kind }: Column): Expression {
  return kind === 'binary' ? operation('hex', value) : cast(value, { kind: 'string' })
}
