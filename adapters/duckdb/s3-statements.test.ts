import { describe, expect, test } from 'vitest'
import { fileNamesIn, mayReadS3, readsS3, withPlainS3Names } from './file-names.js'
import { httpFault } from './http-errors.js'
import { redirectOutput } from './s3-output.js'

describe('which statements have to do with S3', () => {
  test('those that read from it: in their text, or as a parameter of what opens files', () => {
    expect(readsS3({ sql: "SELECT * FROM read_parquet(['s3://b/x.parquet'])" })).toBe(true)
    expect(readsS3({ sql: 'SELECT * FROM parquet_file_metadata($1)', parameters: [['s3://b/x.parquet']] })).toBe(true)
    expect(readsS3({ sql: 'INSERT INTO t VALUES ($1)', parameters: ['s3://b/x.parquet'] })).toBe(false)
    expect(readsS3({ sql: "COPY t TO 's3://b/x.parquet' (FORMAT parquet)" })).toBe(false)
    expect(readsS3({ sql: `SELECT "it's", 's3' FROM "s3://b"` })).toBe(false)
  })

  test('a COPY to S3 writes to the spill folder, whatever quotes are about', () => {
    const output = redirectOutput(
      `COPY (SELECT 'a TO b' AS "it's" FROM read_parquet('s3://b/in.parquet')) TO 's3://b/it''s/x.parquet' (FORMAT parquet)`,
      "/spill's",
    )
    expect(output!.uri).toBe("s3://b/it's/x.parquet")
    expect(output!.file).toMatch(/^\/spill's\/upload-\d+\.parquet$/)
    expect(output!.sql).toMatch(
      /^COPY \(SELECT 'a TO b' AS "it's" FROM read_parquet\('s3:\/\/b\/in\.parquet'\)\) TO '\/spill''s\/upload-\d+\.parquet' \(FORMAT parquet\)$/,
    )
    expect(redirectOutput("COPY t TO '/lake/x.parquet'", '/spill')).toBeNull()
  })

  test('a text that a person wrote is a value, whatever it looks like', () => {
    const read = "read_parquet(['s3://b/[?].parquet', '/lake/y.parquet'], hive_partitioning = false)"
    const written = [
      "starts_with(uri, 's3://photos/[?]') AND name = '/notes/x.parquet'",
      "uri SIMILAR TO 's3://photos/.*' AND other SIMILAR TO E's3://it\\'s/[*]'",
      "uri IS DISTINCT FROM 's3://photos/[*].parquet' -- it's a comment",
      "uri <> $$it's$$ /* it's */",
    ].join('\nOR ')
    const create = (from: string) =>
      `CREATE TEMP TABLE t AS SELECT a FROM ${from} WHERE ${written}\n UNION ALL SELECT 'x'`
    expect(readsS3({ sql: create('rows') })).toBe(false)
    expect(fileNamesIn({ sql: create('rows') })).toEqual([])
    expect(redirectOutput(create(read), '/spill')).toBeNull()
    expect(withPlainS3Names(create(read))).toBe(create(read.replace('[?]', '?')))
    expect(fileNamesIn({ sql: `${create('rows')} FROM ${read}` })).toEqual(['s3://b/?.parquet', '/lake/y.parquet'])
    const copied = redirectOutput(`COPY (SELECT 1 WHERE ${written}\n) TO 's3://b/x.parquet' (FORMAT parquet)`, '/spill')
    expect(copied).toMatchObject({ uri: 's3://b/x.parquet', sql: expect.stringContaining(written) })
    expect(mayReadS3("SELECT * FROM 's3://b/x.parquet'")).toBe(true)
  })

  test('names in S3 lose the brackets that keep paths from being globs, others keep them', () => {
    const sql = "SELECT * FROM read_parquet(['s3://b/q[?][[]1].parquet', '/lake/q[?].parquet'])"
    expect(withPlainS3Names(sql)).toBe("SELECT * FROM read_parquet(['s3://b/q?[1].parquet', '/lake/q[?].parquet'])")
    expect(fileNamesIn({ sql })).toEqual(['s3://b/q?[1].parquet', '/lake/q?.parquet'])
  })
})

describe('what DuckDB says of S3', () => {
  const files = ['s3://b/one.parquet', 's3://b/a b.parquet']
  const line = `\n\nLINE 1: SELECT * FROM read_parquet(['s3://b/one.parquet', …`
  test.each([
    [
      "HTTP Error: HTTP GET error reading 's3://b/a b.parquet' in region 'r' (HTTP 404 Not Found)",
      'SOURCE_FILE_MISSING',
    ],
    [
      "HTTP Error: HTTP GET error reading 'https://b.s3.amazonaws.com/a%20b.parquet' in region 'r' (HTTP 403 Forbidden)",
      'SOURCE_ACCESS_DENIED',
    ],
    ["HTTP Error: Request returned HTTP 503 for HTTP HEAD to 'http://h:1/b/a%20b.parquet'", 'LAKE_THROTTLED'],
    ["HTTP Error: Request returned HTTP 500 for HTTP HEAD to 'http://h:1/b/a%20b.parquet'", 'LAKE_UNREACHABLE'],
    ["IO Error: Timeout was reached error for HTTP GET to 'http://h:1/b/a%20b.parquet'", 'LAKE_UNREACHABLE'],
    [
      "IO Error: SSL peer certificate or SSH remote key was not OK error for HTTP HEAD to 'https://h:1/b/a%20b.parquet'",
      'LAKE_UNREACHABLE',
    ],
    // No URL that a parser takes: a bucket's name before an IP address.
    ["IO Error: Could not resolve error for HTTP GET to 'http://b.127.0.0.1:1/a%20b.parquet'", 'LAKE_UNREACHABLE'],
    ["HTTP Error: HTTP GET error reading 's3://b/a b.parquet' in region 'r' (HTTP 400 Bad Request)", 'CONFIG_INVALID'],
    [
      "HTTP Error: HTTP GET error reading 's3://b/a b.parquet' in region 'r' (HTTP 400 Bad Request)\n\nExpiredToken: The provided token has expired.",
      'LAKE_UNREACHABLE',
    ],
    [
      'HTTP Error: ETag on reading file "s3://b/a b.parquet" was initially "x" and now it returned "y"',
      'PLAN_INPUTS_MOVED',
    ],
  ])('%s', (message, code) => {
    expect(httpFault(message + line, files)).toMatchObject({ code, file: 's3://b/a b.parquet' })
  })

  test('other errors are not its business', () => {
    expect(httpFault("Invalid Input Error: No magic bytes found at end of file 's3://b/one.parquet'", files)).toBeNull()
  })
})
