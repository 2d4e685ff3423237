import { expect, test } from 'vitest'
import { type FeatureGroup, featureGroups, groupFilesOf, heldFeaturesIn, shownEnd } from './feature-groups.js'

const hour = (number: number) => ({ start: BigInt(number) * 100n, end: BigInt(number + 1) * 100n })
const commit = (number: number, ...held: string[]) => ({
  ...{ commitId: BigInt(number), interval: hour(number), data: { path: `rows/${number}` } },
  ...(held.length > 0 ? { held: { features: held, isRejected: false } } : {}),
})
const features = ['a', 'b', 'c', 'd'].map((name) => ({ name }))
const told = (groups: readonly FeatureGroup<{ commitId: bigint }, { name: string }>[]) =>
  groups.map(({ features: of, commits, leftOut }) => [
    of.map(({ name }) => name).join(''),
    ...[commits, leftOut].map((all) => all.map(({ commitId }) => Number(commitId)).join('')),
  ])

test('R35: features that lack the same commits are one group, and what lacks none comes first', () => {
  expect(told(featureGroups({ features }, [commit(0), commit(1)]))).toEqual([['abcd', '01', '']])
  const commits = [commit(0), commit(1, 'b'), commit(2, 'b', 'c'), commit(3, 'd', 'c'), commit(4)]
  expect(told(featureGroups({ features }, commits))).toEqual([
    ['a', '01234', ''],
    ['b', '034', '12'],
    ['c', '014', '23'],
    ['d', '0124', '3'],
  ])
  expect(told(featureGroups({ features: features.slice(0, 1) }, [commit(0), commit(1, 'a')]))).toEqual([
    ['', '01', ''],
    ['a', '0', '1'],
  ])
})

test('R35, R18, R21: of what a lookup group leaves out only deleting rows are read, of a compaction only the other intervals', () => {
  const bundle = (viewKind: 'lookup' | 'window', tombstone: string | null) =>
    ({ view: { viewKind }, source: { tombstone } }) as never as Parameters<typeof groupFilesOf>[0]
  const commits = [commit(0), commit(1), commit(2, 'b'), commit(3)]
  const [, group] = featureGroups({ features }, commits)
  const bucket = { number: 0, of: 1 }
  const compaction = { commitIds: [0n, 1n, 2n, 3n], removedIds: [0n, 1n, 2n, 3n], files: [{ path: 'c', bucket }] }
  const ask = (of: ReturnType<typeof bundle>) => groupFilesOf(of, group!, [compaction], (path) => path)
  const others = { uri: 'c', bucket, within: [{ start: 0n, end: 200n }, hour(3)] }
  expect(ask(bundle('lookup', null))).toEqual([others])
  expect(ask(bundle('window', 'gone'))).toEqual([others])
  expect(ask(bundle('lookup', 'gone'))).toEqual([
    others,
    { uri: 'c', bucket: null, within: [hour(2)], isDeletedOnly: true },
  ])
})

test('R35: nothing is said of a feature that the commit of a row leaves out, or one in reach of a window', () => {
  const commits = [commit(0), commit(1, 'b'), commit(2)]
  const ofLookup = heldFeaturesIn({ view: { viewKind: 'lookup' } }, commits)
  expect([99n, 100n, 199n, 200n, null].map((at) => [...ofLookup(at)].join())).toEqual(['', 'b', 'b', '', ''])
  expect([...heldFeaturesIn({ view: { viewKind: 'window' } }, commits)(null)]).toEqual(['b'])
})

test('R35: a publish shows a feature at its own end, but where its windows are held; what was never shown is nowhere', () => {
  const at = (feature: string, endAt: bigint | null = 7n) => {
    const held = [
      { features: ['b', 'c'], endAt: '1970-01-01T00:00:00.000000005Z' },
      { features: ['d'], endAt: null },
    ]
    return shownEnd(held, feature, endAt)
  }
  expect(at('a')).toEqual({ endAt: 7n, isHeld: false })
  expect(at('c')).toEqual({ endAt: 5n, isHeld: true })
  expect(at('d')).toEqual({ endAt: null, isHeld: true })
  expect(shownEnd(undefined, 'b', null)).toEqual({ endAt: null, isHeld: false })
})
