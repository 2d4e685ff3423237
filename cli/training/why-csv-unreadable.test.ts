import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { whyCsvUnreadable } from './why-csv-unreadable.js'

test.each([
  ['no bytes', '', { what: 'is empty: it has no header', row: null }],
  ['line ends alone', '\r\n\n', { what: 'is empty: it has no header', row: null }],
  ['latin-1', Buffer.from('at,id\na,b\na,caf\xe9\n', 'latin1'), { what: 'is not UTF-8 in row 2', row: 2 }],
  ['a latin-1 header', Buffer.from('at,caf\xe9\n', 'latin1'), { what: 'is not UTF-8 in its header', row: null }],
  ['a short row', 'at,id\r\na,1\r\nb\r\n', { what: 'has 1 field in row 2, its header has 2', row: 2 }],
  ['a long row', 'at;id\na;1;2', { what: 'has 3 fields in row 1, its header has 2', row: 1 }],
  ['an open quote', 'at,id\na,"b\nc,1\n', { what: 'has a quote in row 1 that is not closed', row: 1 }],
  ['quotes around delimiters and line ends', 'at,id\n"a,""b""","c\nd"\n\n"a",2\n', null],
  ['more than one part of a stream', `at,id\n${'2001,é\n'.repeat(30_000)}`, null],
])('%s', async (_, bytes, why) => {
  const whole = Buffer.from(bytes)
  const parts = Array.from({ length: Math.ceil(whole.length / 1000) }, (_, at) =>
    whole.subarray(at * 1000, at * 1000 + 1000),
  )
  expect(await whyCsvUnreadable(Readable.from(parts))).toEqual(why)
})

test('of a quote that is open for longer than any line is, the rest of the file is not kept in memory', async () => {
  let read = 0
  async function* endless(first: string) {
    yield Buffer.from(first)
    for (const part = Buffer.alloc(1 << 20, 'a,b\n'); read < 1_000; read++) yield part
  }
  expect(await whyCsvUnreadable(endless('at,id\n2001,"'))).toEqual({
    what: 'has a quote in row 1 that is not closed',
    row: 1,
  })
  expect(read).toBeLessThan(20)
})
