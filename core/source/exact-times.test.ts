import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { exactTimesFile, withExactTimes } from './exact-times.js'
import { readThrift, writeThrift } from './thrift-compact.js'

const folder = new URL('../../test/faults/bad-input/fixtures/', import.meta.url)
const bytesOf = (name: string) => new Uint8Array(readFileSync(new URL(`${name}.parquet`, folder)))
const footerOf = (bytes: Uint8Array) => {
  const length = Buffer.from(bytes).readUInt32LE(bytes.length - 8)
  return bytes.subarray(bytes.length - 8 - length, bytes.length - 8)
}
const whole = readdirSync(folder)
  .filter((name) => name.endsWith('.parquet') && !name.startsWith('encrypted'))
  .map((name) => name.replace('.parquet', ''))

test.each(whole)('the footer of %s is written as it was read', (name) => {
  const footer = footerOf(bytesOf(name))
  expect(Buffer.from(writeThrift(readThrift(footer)))).toEqual(Buffer.from(footer))
})

test('only the times that are asked for get other words', () => {
  for (const name of ['int96', 'nanoseconds-utc']) {
    const footer = footerOf(bytesOf(name))
    expect(Buffer.from(withExactTimes(footer, ['shop', 'amount', 'absent']))).toEqual(Buffer.from(footer))
    expect(Buffer.from(withExactTimes(footer, ['at']))).not.toEqual(Buffer.from(footer))
  }
})

test('the copy has the same pages, in parts, and ends as a Parquet file', async () => {
  const bytes = bytesOf('nanoseconds-utc')
  const file = {
    sizeBytes: bytes.length,
    read: async (start: number, length: number) => bytes.subarray(start, start + length),
  }
  const parts: Uint8Array[] = []
  for await (const part of exactTimesFile(file, ['at'])) parts.push(part)
  const copy = Buffer.concat(parts)
  // One nibble is another: the footer keeps its length.
  expect(copy.length).toBe(bytes.length)
  expect([...copy.keys()].filter((at) => copy[at] !== bytes[at])).toHaveLength(1)
})

test('what is no footer is refused, however it is broken', async () => {
  const footer = footerOf(bytesOf('int96'))
  const refused = expect.objectContaining({ code: 'SOURCE_FILE_CORRUPT' })
  for (let length = 0; length < footer.length; length++)
    expect(() => readThrift(footer.subarray(0, length))).toThrow(refused)
  expect(() => readThrift(new Uint8Array(500).fill(0x1c))).toThrow(refused)
  for (const bytes of [new Uint8Array(), new Uint8Array(7), Buffer.from('PAR1 is not enough')]) {
    const read = async (start: number, length: number) => bytes.subarray(start, start + length)
    const first = exactTimesFile({ sizeBytes: bytes.length, read }, ['at']).next()
    await expect(first).rejects.toMatchObject({ code: 'SOURCE_FILE_CORRUPT' })
  }
})
