import { expect, test } from 'vitest'
import type { PinnedFile } from '../../core/plan/interval-state.js'
import { filesToRead } from './read-schemas.js'

const files = Array.from({ length: 60 }, (_, index): PinnedFile => {
  return { uri: `part-${index}`, etag: '', sizeBytes: 1, role: 'own' }
})
const read = (count: number, atFault: string | null, max = 24) =>
  filesToRead(files.slice(0, count), atFault, max).map(({ uri }) => Number(uri.slice('part-'.length)))

test('of many files the one at fault is looked at first, then a spread with the first and the last, none twice', () => {
  const some = read(60, 'part-41')
  expect([some[0], some[1], some.at(-1)]).toEqual([41, 0, 59])
  expect(new Set(some).size).toBe(24)
  expect(some.slice(1)).toEqual(some.slice(1).toSorted((a, b) => a - b))
  expect(Math.max(...some.slice(2).map((file, index) => file - some[index + 1]!))).toBeLessThanOrEqual(4)
})

test('of few all, in their order; one that is not among them is not looked for', () => {
  expect(read(3, null)).toEqual([0, 1, 2])
  expect(read(3, 'part-2')).toEqual([2, 0, 1])
  expect(read(1, 'part-50')).toEqual([0])
  expect(read(60, null, 1)).toEqual([0])
  expect(read(24, null)).toHaveLength(24)
})
