import { expect, test } from 'vitest'
import type { Fault } from './quality-check.js'
import { firstOfEach, mostTelling } from './summaries.js'

const rowsAt = (at: number): Fault => ({
  ...{ cause: 'committed-file', key: { shop: 'x' }, keyHex: 'a1', features: [], isRepairable: true },
  ...{ interval: { start: `${at}`, end: `${at + 1}` }, file: `${at}`, expected: '1', found: '2' },
})
const wholeAt = (at: number): Fault => ({ ...rowsAt(at), key: null, keyHex: null, found: 'holds wrong rows' })

test('of more faults than are kept whole files stay, and what holds a rebuild, in the order of all', () => {
  const faults = firstOfEach([
    ...Array.from({ length: 9 }, (_, at) => rowsAt(at)),
    { ...rowsAt(20), isRepairable: false },
    wholeAt(21),
    { ...wholeAt(22), isRepairable: false },
  ])
  const kept = (max: number) => mostTelling(faults, max).map(({ file }) => file)
  expect(kept(4)).toEqual(['0', '20', '21', '22'])
  expect(kept(1)).toEqual(['22'])
  expect(kept(99)).toHaveLength(12)
})
