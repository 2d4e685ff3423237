import { expect, test } from 'vitest'
import type { Fault } from '../../core/quality/quality-check.js'
import { checkOutcome } from './check-outcome.js'

const fault = { cause: 'online-item' } as Fault
const check = { view: 'sales', version: 1, faults: [] as Fault[], faultsLeft: 0, unsettled: 0 }
const mended = { view: 'sales', version: 1, isDone: true, left: 0 }

test('what is at fault fails, unless a repair has ended it; what could not be said of all is partly done', () => {
  expect(checkOutcome([check], 0, [])).toBe('done')
  expect(checkOutcome([], 0, [])).toBe('done')
  expect(checkOutcome([{ ...check, faults: [fault] }], 0, [])).toBe('failed')
  expect(checkOutcome([{ ...check, faults: [fault] }], 0, [mended])).toBe('done')
  expect(checkOutcome([{ ...check, faults: [fault], faultsLeft: 1 }], 0, [mended])).toBe('failed')
  expect(checkOutcome([{ ...check, faults: [fault] }], 0, [{ ...mended, left: 1 }])).toBe('failed')
  expect(checkOutcome([{ ...check, unsettled: 1 }], 0, [])).toBe('partly')
  expect(checkOutcome([check], 1, [])).toBe('partly')
  expect(checkOutcome([], 1, [])).toBe('failed')
  expect(checkOutcome([{ ...check, faults: [fault] }], 1, [])).toBe('failed')
})
