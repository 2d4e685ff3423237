import { hostname } from 'node:os'
import { expect, test } from 'vitest'
import { draftName, isAbandonedDraft } from './output-file.js'

test('a draft is abandoned if its process of this very host is no more', () => {
  const gone = 2 ** 22 + 1
  const mine = `.training-set-${hostname()}`
  expect([`${mine}-${gone}-0.draft`, `${mine}-${gone}-12.draft.parquet.spine.parquet`].map(isAbandonedDraft)).toEqual([
    true,
    true,
  ])
  // Of this process, and of a host whose name begins like this one's.
  expect(
    [draftName('draft'), `${mine}-${gone}-${process.pid}-0.draft`, `${mine}-${gone}.lan-1-0.draft`].map(
      isAbandonedDraft,
    ),
  ).toEqual([false, false, false])
})

test('what a process before this one has left under the same id, as in a container that is started again, is abandoned', () => {
  const left = (number: number) => `.training-set-${hostname()}-${process.pid}-${number}.draft`
  const [, given = ''] = /-(\d+)\.draft$/.exec(draftName('draft')) ?? []
  const next = Number(given) + 1
  expect([left(next), left(next + 7), left(Number(given))].map(isAbandonedDraft)).toEqual([true, true, false])
})
