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
