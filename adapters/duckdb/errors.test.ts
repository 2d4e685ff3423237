import { expect, test } from 'vitest'
import { MillcourseError } from '../../core/errors.js'
import { toMillcourseError } from './errors.js'

const files = ['/lake/a.parquet', '/lake/b.parquet']
const fine = async () => {}
const map = (message: string, probe = fine as Parameters<typeof toMillcourseError>[2]) =>
  toMillcourseError(new Error(message), files, probe)

test('who may not open what: a file that was being read, or the lake that is written', async () => {
  expect(await map('IO Error: Cannot open file "/lake/b.parquet": Permission denied')).toMatchObject({
    code: 'SOURCE_ACCESS_DENIED',
    detail: { facts: { file: '/lake/b.parquet' } },
  })
  const written = await map('IO Error: Cannot open file "/out/c.parquet": Read-only file system')
  expect([written.code, written.detail.facts]).toEqual(['LAKE_ACCESS_DENIED', undefined])
})
test('a full disk is the spill folder’s or the lake’s', async () => {
  expect(
    (await map('IO Error: Could not write file "/spill/duckdb_temp_storage-0.tmp": No space left on device')).code,
  ).toBe('COMPUTE_SPILL_FULL')
  expect((await map('IO Error: Could not write file "/out/c.parquet": No space left on device')).code).toBe('LAKE_FULL')
})
test('the spill limit is no lack of memory, and is named', async () => {
  const limit = (words: string) => `Out of Memory Error: failed to offload data block of size 256.0 KiB ${words}.
This limit was set by the 'max_temp_directory_size' setting.`
  const error = await map(limit('(4.7 MiB/5.0 MiB used)'))
  expect(error).toMatchObject({
    code: 'COMPUTE_SPILL_FULL',
    message: 'the query has spilled as much as it may: 4.7 MiB of 5.0 MiB in the spill folder',
    detail: { hint: expect.stringContaining('raise MILLCOURSE_SPILL_LIMIT') },
  })
  expect((await map(limit(''))).message).toBe('the query has spilled as much as it may')
  expect(await map('Out of Memory Error: could not allocate block (60.0 MiB/60.0 MiB used)')).toMatchObject({
    code: 'COMPUTE_OUT_OF_MEMORY',
    detail: { hint: expect.stringContaining('raise MILLCOURSE_MEMORY_LIMIT') },
  })
})
test('too little memory while the file at fault is looked for does not accuse a file', async () => {
  const error = await map('Invalid Error: Out of buffer', async () => {
    throw new Error('Out of Memory Error: failed to allocate')
  })
  expect(error.code).toBe('COMPUTE_FAILED')
})
test('footers are opened before pages, the named file first; our own errors pass', async () => {
  const opened: string[] = []
  await map(
    'Invalid Error: something in /lake/b.parquet',
    async (uri, depth) => void opened.push(`${depth} ${uri.slice(6, 7)}`),
  )
  expect(opened).toEqual(['footer b', 'footer a', 'pages b', 'pages a'])
  const known = new MillcourseError('COMPUTE_FAILED', 'mine')
  expect(await toMillcourseError(known, files, fine)).toBe(known)
})
test('a query that makes no sense opens no file', async () => {
  const error = await map('Binder Error: no such column', async () => {
    throw new Error('not to be opened')
  })
  expect(error).toMatchObject({ code: 'COMPUTE_FAILED', message: expect.stringContaining('no such column') })
})
test('text that a function cannot read is a value that does not fit, unless a file is at fault', async () => {
  const message = 'Invalid Input Error: Could not parse string "x" according to format specifier "%Y"'
  expect(await map(message)).toMatchObject({
    code: 'COMPUTE_VALUE_OUT_OF_RANGE',
    message: expect.stringContaining('Could not parse string "x"'),
  })
  const broken = async () => {
    throw new Error('Invalid Input Error: No magic bytes found at end of file')
  }
  expect(await map(message, broken)).toMatchObject({ code: 'SOURCE_FILE_CORRUPT' })
})
