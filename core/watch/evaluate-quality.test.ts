import { expect, test } from 'vitest'
import type { Fault, FaultCause, QualityCheck } from '../quality/quality-check.js'
import { type CalendarEntry, evaluateQuality } from './index.js'

const entry = { view: 'delays', version: 1, owner: 'ops', services: ['model'] } as unknown as CalendarEntry
const fault = (cause: FaultCause, origin: string): Fault => ({
  ...{ cause, key: { origin }, keyHex: '00', interval: null, file: null, features: ['avg'] },
  ...{ expected: '1', found: '2', isRepairable: true },
})
const check = (faults: readonly Fault[], version = 1): QualityCheck =>
  ({ view: 'delays', version, checkedAt: '2001-01-02T00:00:00Z', faults }) as unknown as QualityCheck

test('the faults of one cause are one incident; wrong values that are served are critical', () => {
  const found = [fault('online-item', 'ATL'), fault('online-item', 'BOS'), fault('coarse-tile', 'ATL')]
  const drafts = evaluateQuality([entry], [check(found)])
  expect(drafts.map(({ key, severity }) => [key, severity])).toEqual([
    ['quality/delays@v1/online-item', 'critical'],
    ['quality/delays@v1/coarse-tile', 'warning'],
  ])
  expect(drafts[0]).toMatchObject({
    rule: 'quality',
    owner: 'ops',
    summary: 'delays@v1 serves values that its committed state does not give: origin=ATL and 1 more',
    nextStep: 'millcourse check-quality delays --repair --reason "…"',
    facts: { faults: 2 },
  })
})

test('whatever is in a key, what is news of it is a word that the ledger can keep', () => {
  const [draft] = evaluateQuality([entry], [check([fault('online-item', 'A B\0C')])])
  expect(draft!.news).toBe('origin=A_B_C')
})

test('a check that found nothing makes none; one of a version that is served beside the applied one does', () => {
  expect(evaluateQuality([entry], [check([])])).toEqual([])
  expect(evaluateQuality([entry], [check([fault('online-item', 'ATL')], 2)])).toMatchObject([
    { key: 'quality/delays@v2/online-item', severity: 'critical', owner: 'ops', facts: { services: '' } },
  ])
  expect(evaluateQuality([entry], [])).toEqual([])
})
