import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type CompactedCommits, committedFiles, uniteFiles, type WantedCommit } from './committed-files.js'

const hour = 3_600_000_000_000n
const at = (start: number, end = start + 1) => ({ start: BigInt(start) * hour, end: BigInt(end) * hour })
const commit = (id: number, start = id): WantedCommit => ({
  ...{ commitId: BigInt(id), interval: at(start), data: { path: `rows/${id}` } },
})
const bucket = { number: 0, of: 1 }
const compaction = (ids: readonly number[], removed: readonly number[] = [], path = 'compacted'): CompactedCommits => ({
  commitIds: ids.map(BigInt),
  removedIds: removed.map(BigInt),
  files: [{ path, bucket }],
})
const uri = (path: string) => `/lake/${path}`

test('a compaction whose commits are all wanted is read as it is, the others by their own files', () => {
  expect(committedFiles([commit(1), commit(2), commit(3)], [compaction([1, 2])], uri)).toEqual([
    { uri: '/lake/compacted', within: null, bucket },
    '/lake/rows/3',
  ])
})

test('R21: an interval committed anew leaves a compaction by its event times, and comes from its own file', () => {
  const again = commit(9, 2)
  const wanted = [commit(1), again, commit(3), commit(4)]
  expect(committedFiles(wanted, [compaction([1, 2, 3, 4])], uri)).toEqual([
    { uri: '/lake/compacted', within: [at(1), at(3, 5)], bucket },
    '/lake/rows/9',
  ])
})

test('few of many are read from their own files, while these are there', () => {
  const ids = Array.from({ length: 100 }, (_, index) => index)
  expect(committedFiles([commit(5), commit(6)], [compaction(ids)], uri)).toEqual(['/lake/rows/5', '/lake/rows/6'])
  expect(committedFiles([commit(5), commit(6)], [compaction(ids, [6])], uri)).toEqual([
    { uri: '/lake/compacted', within: [at(5, 7)], bucket },
  ])
})

test('of two compactions that hold a commit the newer one is read', () => {
  const [newer, older] = [compaction([1, 2, 3], [], 'newer'), compaction([1, 2], [1, 2], 'older')]
  expect(committedFiles([commit(1), commit(2), commit(3)], [newer, older], uri)).toEqual([
    { uri: '/lake/newer', within: null, bucket },
  ])
})

test('a file that is asked for twice is read once', () => {
  const part = (...within: ReturnType<typeof at>[]) => ({ uri: 'a', within, bucket })
  expect(uniteFiles([part(at(1)), 'b', part(at(2), at(5)), 'b'])).toEqual([part(at(1, 3), at(5)), 'b'])
  expect(uniteFiles([part(at(1)), { uri: 'a', within: null, bucket }])).toEqual([{ uri: 'a', within: null, bucket }])
})

test('whatever was compacted when and committed anew since, each wanted row is read once, and no other', () => {
  const history = fc.record({
    versions: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 12 }),
    wanted: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 12, maxLength: 12 }),
    compactions: fc.array(
      fc.record({
        of: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 12, maxLength: 12 }),
        areRemoved: fc.boolean(),
      }),
      { maxLength: 3 },
    ),
  })
  fc.assert(
    fc.property(history, ({ versions, wanted, compactions }) => {
      // Version v of interval i, from 1 on; 0: none.
      const idOf = (interval: number, version: number) => interval * 10 + version
      const chosen = (of: readonly number[]) =>
        versions.flatMap((newest, index) => (of[index]! > 0 && of[index]! <= newest ? [idOf(index, of[index]!)] : []))
      const held = compactions.map(({ of, areRemoved }, index) => {
        const ids = chosen(of)
        return compaction(ids, areRemoved ? ids : [], `compaction ${index}`)
      })
      const asked = chosen(wanted).map((id) => commit(id, Math.floor(id / 10)))
      const files = committedFiles(asked, held, (path) => path)
      const readBy = (interval: number): number[] =>
        files.flatMap((file) => {
          if (typeof file === 'string') {
            const id = Number(file.split('/')[1])
            return Math.floor(id / 10) === interval ? [id] : []
          }
          const of = held[Number(file.uri.split(' ')[1])]!
          const { start } = at(interval)
          const counts = file.within === null || file.within.some((span) => span.start <= start && start < span.end)
          return counts ? of.commitIds.map(Number).filter((id) => Math.floor(id / 10) === interval) : []
        })
      for (const [interval] of versions.entries())
        expect(readBy(interval)).toEqual(chosen(wanted).filter((id) => Math.floor(id / 10) === interval))
      const removed = new Set(held.flatMap(({ removedIds }) => removedIds.map(Number)))
      for (const file of files)
        if (typeof file === 'string') expect(removed.has(Number(file.split('/')[1]))).toBe(false)
    }),
  )
})
