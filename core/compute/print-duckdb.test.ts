import { describe, expect, test } from 'vitest'
import { printExpression, printLiteral, printName, printRelation } from './print-duckdb.js'
import { column, literal, operation, parquet, select, table } from './sql-algebra.js'

describe('print-duckdb', () => {
  test('R23: names and text are quoted, whatever is in them', () => {
    expect(printName('a "b"; DROP TABLE x')).toBe('"a ""b""; DROP TABLE x"')
    expect(printLiteral("it's")).toBe("'it''s'")
    expect(printLiteral('a\0b\0')).toBe("('a' || chr(0) || 'b' || chr(0) || '')")
    expect(() => printRelation(parquet(['a\0b']))).toThrow('NUL')
    expect(printExpression(operation('=', column('x"y', 't'), literal("'")))).toBe(`("t"."x""y" = '''')`)
  })

  test('numbers keep every digit, and no float is written that SQL would read as another', () => {
    expect(printLiteral(-170_141_183_460_469_231_731_687n)).toBe('(-170141183460469231731687)')
    expect(printLiteral(0.1)).toBe("CAST('0.1' AS DOUBLE)")
    expect(() => printLiteral(Number.NaN)).toThrow('finite')
  })

  test('what is special in a path stands for itself, and folders named a=b add no columns', () => {
    const sql = printRelation(parquet(["/lake/date=1/p[1]*'.parquet"]))
    expect(sql).toContain("'/lake/date=1/p[[]1][*]''.parquet'")
    expect(sql).toContain('hive_partitioning = false')
  })

  test('a select that names a column twice is our own mistake', () => {
    const twice = select(table('t'), [
      ['a', column('x')],
      ['a', column('y')],
    ])
    expect(() => printRelation(twice)).toThrow('names each column once')
  })
})
