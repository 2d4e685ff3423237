import { describe, expect, test } from 'vitest'
import type { CommittedFile } from './committed-files.js'
import { bucketsToJoin, filesOfBucket } from './training-buckets.js'

const compacted = (of: number): CommittedFile[] =>
  Array.from({ length: of }, (_, number) => ({ uri: `${number}-of-${of}`, within: null, bucket: { number, of } }))
const single = (count: number): string[] => Array.from({ length: count }, (_, at) => `single${at}`)

describe('bucketsToJoin', () => {
  test.each([
    ['no files', [], 1],
    ['files of single commits alone', single(100), 1],
    ['one compaction', compacted(8), 8],
    ['two compactions, of which the larger has more buckets', [...compacted(16), ...compacted(8)], 16],
    [
      'many compactions without buckets beside one with some',
      [...compacted(4), ...Array(10).fill(compacted(1)).flat()],
      1,
    ],
    ['a few commits that are not compacted yet', [...compacted(4), ...compacted(4), ...compacted(4), ...single(4)], 4],
    ['a day of hours that are not', [...Array(12).fill(compacted(4)).flat(), ...single(24)], 4],
    ['many that are not', [...compacted(4), ...single(100)], 1],
  ])('%s', (_, files, buckets) => {
    expect(bucketsToJoin(files)).toBe(buckets)
  })
})

test('a set may have more files than a function takes arguments', () => {
  expect(bucketsToJoin([...compacted(4), ...single(300_000)])).toBe(1)
})

describe('filesOfBucket', () => {
  const files = [...compacted(1), ...compacted(2), ...compacted(8), 'single']
  const urisOf = (number: number, of: number) =>
    filesOfBucket(files, number, of).map((file) => (typeof file === 'string' ? file : file.uri))

  test('a bucket lies in one of each coarser compaction, holds several of a finer one, and all of no bucket', () => {
    expect(urisOf(3, 4)).toEqual(['0-of-1', '1-of-2', '3-of-8', '7-of-8', 'single'])
  })

  test('all buckets together read each file of as many buckets or more once', () => {
    const read = [0, 1].flatMap((number) => urisOf(number, 2)).filter((uri) => /-of-[28]$/.test(uri))
    expect(read.toSorted()).toEqual(
      [...compacted(2), ...compacted(8)].map((file) => (file as { uri: string }).uri).toSorted(),
    )
  })
})
