import { expect, test } from 'vitest'
import { roundedTypes } from './file-types.js'
import { withSpineUnits } from './training-spine.js'

test('R14: times of INT96 stay in nanoseconds where these reach, else in microseconds; what no timestamp holds is refused by name', () => {
  const column = (name: string, type: string) => ({ name, type, isUtc: false })
  const columns = [column('n', 'BIGINT'), column('near', roundedTypes.int96), column('far', roundedTypes.int96)]
  const none = { far0: false, between0: true, far1: null, between1: null }
  expect(withSpineUnits(columns, [none])).toEqual(columns)
  const far = { ...none, far1: true, between1: false }
  expect(withSpineUnits(columns, [far])).toEqual([columns[0], columns[1], { ...columns[2], isInMicroseconds: true }])
  expect(() => withSpineUnits(columns, [{ ...far, between1: true }])).toThrow(
    /the spine's "far" has times between two microseconds, and others outside of the years 1677 to 2262/,
  )
})
