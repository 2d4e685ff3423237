/** DuckDB's words for the operators of the algebra. */
import { endOfTime } from '../time/instant.js'
import type { Operator } from './sql-algebra.js'

const infix = new Set<Operator>(['and', 'or', '=', '<>', '<', '<=', '>', '>=', '+', '-', '*', '/'])
export function printOperation(operator: Operator, operands: readonly string[]): string {
  if (infix.has(operator)) return `(${operands.join(` ${operator.toUpperCase()} `)})`
  const [first, second] = operands
  switch (operator) {
    case 'not':
      return `(NOT ${first})`
    case 'isNull':
      return `(${first} IS NULL)`
    case 'isNotNull':
      return `(${first} IS NOT NULL)`
    case 'in':
      return `(${first} IN (${operands.slice(1).join(', ')}))`
    case 'floorDiv': {
      // `//` cuts toward zero; one less where the remainder is negative. 128-bit division is 50 times slower, so it is for those who need it.
      const divide = (value: string): string =>
        `${value} // ${second} - CASE WHEN ${value} % ${second} < 0 THEN 1 ELSE 0 END`
      const isSmall = `${first} BETWEEN -9000000000000000000 AND 9000000000000000000`
      return `CASE WHEN ${isSmall} THEN CAST(${divide(`CAST(${first} AS BIGINT)`)} AS HUGEINT) ELSE ${divide(first!)} END`
    }
    case 'integerFromDecimal':
      // Five times faster than the direct cast, which divides by 10^0 in 128 bits.
      return `CAST(CAST(${first} AS VARCHAR) AS HUGEINT)`
    case 'coalesce':
    case 'greatest':
    case 'least':
    case 'abs':
      return `${operator}(${operands.join(', ')})`
    case 'truncate':
      return `trunc(${first})`
    case 'listOf':
      return `[${operands.join(', ')}]`
    case 'squareRoot':
      return `sqrt(${first})`
    case 'power':
      return `pow(${first}, ${second})`
    case 'quotient':
      return `(${first} // ${second})`
    case 'remainder':
      return `(${first} % ${second})`
    case 'isNaN':
      return `isnan(${first})`
    case 'floatBits':
      return `CAST(CAST(CAST(${first} AS DOUBLE) AS BIT) AS BIGINT)`
    case 'bitLength':
      return `CASE WHEN ${first} = 0 THEN 0 ELSE length(bin(${first})) END`
    case 'unscaled':
      return `CAST(replace(CAST(${first} AS VARCHAR), '.', '') AS HUGEINT)`
    case 'md5':
      return `md5(${first})`
    case 'hex':
      return `hex(${first})`
    case 'hexPart':
      return `CAST(('0x' || substr(${first}, ${second}, ${operands[2]})) AS BIGINT)`
    case 'isFinite':
      return `isfinite(${first})`
    case 'signBit':
      return `signbit(${first})`
    case 'length':
      return `len(${first})`
    case 'instantFromUs':
      return printInstant('TIMESTAMP', 'epoch_us', 1000n, first!)
    case 'instantFromUsUtc':
      return printInstant('TIMESTAMPTZ', 'epoch_us', 1000n, first!)
    case 'instantFromInt96': {
      const at = (part: string): string => `CAST(date_part('${part}', ${first}) AS BIGINT)`
      const low = `(${at('year')} * 12 + ${at('month')})`
      const nanoseconds = `${at('day')} * 4294967296 + CASE WHEN ${low} < 0 THEN ${low} + 4294967296 ELSE ${low} END`
      const julianDay = `${at('hour')} * 3600000 + ${at('minute')} * 60000 + ${at('milliseconds')}`
      return `(CAST(${julianDay} - 2440588 AS HUGEINT) * 86400000000000 + ${nanoseconds})`
    }
    case 'asRead':
      // Of a function's answer the engine assumes nothing; with one argument it hands it on, at no cost.
      return `greatest(${first})`
    case 'instantFromNs':
      return printInstant('TIMESTAMP_NS', 'epoch_ns', 1n, first!)
    case 'timestampUsFromInstant':
      return printTimestamp('TIMESTAMP', `make_timestamp(CAST(${first} // 1000 AS BIGINT))`, first!)
    case 'timestampNsFromInstant':
      return printTimestamp('TIMESTAMP_NS', `make_timestamp_ns(CAST(${first} AS BIGINT))`, first!)
    case 'matches':
      return `regexp_full_match(${first}, ${second})`
    case 'zonedUs':
      return `epoch_us(timezone(${second}, make_timestamp(CAST(${first} AS BIGINT))))`
    case 'wallUs':
      return `epoch_us(timezone(${second}, make_timestamptz(CAST(${first} AS BIGINT))))`
    case 'instantFromText':
      return printInstantFromText(first!)
    case 'listDistinctSorted':
      return `list_sort(list_distinct(${first}))`
    case 'listDistinctSortedFloats':
      // list_distinct takes each NaN for another value: one of them is put back.
      return `list_sort(list_concat(list_distinct(list_filter(${first}, lambda x: NOT isnan(x))), list_filter(${first}, lambda x: isnan(x))[1:1]))`
    case 'listFlatten':
      return `flatten(${first})`
    case 'listLargest':
      return `list_reverse_sort(${first})[1:${second}]`
    case 'listAny':
      return `list_aggregate(${first}, 'bool_or')`
    case 'mapFromPairs':
      return `map_from_entries(list_sort(${first}))`
    case 'mapPairs':
      return `map_entries(${first})`
    default:
      throw new Error(`no DuckDB word for ${operator}`)
  }
}

function printTimestamp(type: string, finite: string, instant: string): string {
  return `CASE WHEN ${instant} >= ${endOfTime} THEN CAST('infinity' AS ${type}) WHEN ${instant} <= -${endOfTime} THEN CAST('-infinity' AS ${type}) ELSE ${finite} END`
}

function printInstant(type: string, epoch: string, nsPerTick: bigint, operand: string): string {
  // The largest 64-bit tick is how an end-of-time marker is written, and what DuckDB reads as infinity.
  const end = `CAST(${endOfTime} AS HUGEINT)`
  return `CASE WHEN ${operand} = CAST('infinity' AS ${type}) THEN ${end} WHEN ${operand} = CAST('-infinity' AS ${type}) THEN -${end} ELSE CAST(${epoch}(${operand}) AS HUGEINT) * ${nsPerTick} END`
}

/**
 * ISO 8601; text without a zone is UTC (R10). Fraction and offset are taken apart: DuckDB's own reading stops at microseconds and
 * leaves the offset out.
 */
function printInstantFromText(text: string): string {
  const form = `'^\\s*\\d{4}-\\d\\d-\\d\\d([T ]\\d\\d:\\d\\d(:\\d\\d([.]\\d{1,9})?)?\\s*(Z|[+-]\\d\\d(:?\\d\\d)?)?)?\\s*$'`
  const part = (pattern: string, group = 1) => `regexp_extract(${text}, '${pattern}', ${group})`
  const number = (digits: string) => `CAST(coalesce(nullif(${digits}, ''), '0') AS HUGEINT)`
  const wall = `CAST(epoch_us(TRY_CAST(${part('^\\s*([0-9-]+([T ][0-9]+:[0-9]+(:[0-9]+)?)?)')} AS TIMESTAMP)) AS HUGEINT) * 1000`
  const fraction = `CAST(rpad(${part('[.](\\d+)')}, 9, '0') AS HUGEINT)`
  const zone = `:.*([+-])(\\d\\d):?(\\d\\d)?\\s*$`
  const minutes = `(${number(part(zone, 2))} * 60 + ${number(part(zone, 3))})`
  const sign = `CASE WHEN ${part(zone)} = '-' THEN -1 ELSE 1 END`
  return `CASE WHEN regexp_matches(${text}, ${form}) THEN ${wall} + ${fraction} - ${sign} * ${minutes} * 60000000000 END`
}
