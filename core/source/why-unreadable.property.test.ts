import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isMillcourseError } from '../errors.js'
import { withExactTimes } from './exact-times.js'
import { writeThrift } from './thrift-compact.js'
import { whyUnreadable } from './why-unreadable.js'

const fixture = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../../test/faults/bad-input/fixtures/${name}.parquet`, import.meta.url)))
const names = ['int96', 'nanoseconds-utc', 'codec-lzo', 'encrypted-other']
const columns = ['at', 'shop', 'amount', 'note']
const footerAt = (bytes: Uint8Array) => bytes.length - 8 - Buffer.from(bytes).readUInt32LE(bytes.length - 8)

/** A file of which some bytes of the footer, or of its length, are others. */
const corrupted = fc
  .record({
    name: fc.constantFrom(...names),
    changes: fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(255)), {
      minLength: 1,
      maxLength: 4,
    }),
  })
  .map(({ name, changes }) => {
    const bytes = fixture(name)
    const from = footerAt(bytes)
    for (const [where, byte] of changes) bytes[from + Math.floor(where * (bytes.length - 5 - from))] = byte
    return { bytes, footer: bytes.subarray(from, bytes.length - 8) }
  })

test('whatever is wrong in a footer, why is an answer, never an error', async () => {
  await fc.assert(
    fc.asyncProperty(corrupted, async ({ bytes }) => {
      const read = async (start: number, length: number) => bytes.subarray(start, start + length)
      const why = await whyUnreadable({ sizeBytes: bytes.length, read }, columns)
      if (why !== null) expect(why.what).not.toBe('')
    }),
    { numRuns: 2_000 },
  )
})

test('a footer that decodes, and holds a number for a row group, does not count as one', async () => {
  const footer = writeThrift({ fields: [{ id: 4, type: 9, value: { of: 5, items: [1n] } }] })
  const bytes = Buffer.concat([Buffer.from('PAR1'), footer, Uint8Array.of(footer.length, 0, 0, 0), Buffer.from('PAR1')])
  const read = async (start: number, length: number) => bytes.subarray(start, start + length)
  expect(await whyUnreadable({ sizeBytes: bytes.length, read }, null)).toMatchObject({
    ...{ code: 'SOURCE_FILE_CORRUPT', what: 'has a footer that does not decode' },
  })
})

test('a footer that is none gets no other times: SOURCE_FILE_CORRUPT, nothing else', () => {
  fc.assert(
    fc.property(corrupted, ({ footer }) => {
      try {
        withExactTimes(footer, columns)
      } catch (error) {
        if (!isMillcourseError(error) || error.code !== 'SOURCE_FILE_CORRUPT') throw error
      }
    }),
    { numRuns: 2_000 },
  )
})
