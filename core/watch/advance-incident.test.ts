import { expect, test } from 'vitest'
import { advanceIncident, type IncidentDraft, type IncidentWord, type OpenIncident } from './index.js'

const draft: IncidentDraft = {
  ...{ key: 'k', rule: 'failed', severity: 'critical', view: 'delays', version: 1, owner: null },
  ...{ summary: 's', nextStep: 'n', facts: {}, news: '1' },
}
const rules = { escalateAfterNs: 1_800_000_000_000n }
const at = (minutes: number) => `2001-01-01T0${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}:00Z`
const word = (minutes: number): IncidentWord => ({ at: at(minutes), by: 'ann', note: null })

/** Looks at these minutes; which events each made. */
function life(
  looks: readonly [minutes: number, change?: Partial<OpenIncident>, draft?: Partial<IncidentDraft>][],
  given = rules as Parameters<typeof advanceIncident>[3],
) {
  let known: OpenIncident | undefined
  return looks.map(([minutes, change, over]) => {
    const before = known && { ...known, ...change }
    const { incident, changes } = advanceIncident(before, { ...draft, ...over }, at(minutes), given)
    known = incident
    return changes.map(({ event }) => event).join(' ')
  })
}

test('a critical incident that nobody acknowledges escalates once, after exactly its time', () => {
  expect(life([[0], [29], [30], [31], [90]])).toEqual(['opened', '', 'escalated', '', ''])
  expect(life([[0], [10, { acknowledged: word(5) }], [40], [90]])).toEqual(['opened', '', '', ''])
  expect(life([[0], [90]], { escalateAfterNs: null })).toEqual(['opened', ''])
})

test('a warning does not escalate; the time begins when it becomes critical, and anew when it does so again', () => {
  const warning = { severity: 'warning' } as const
  expect(life([[0, {}, warning], [60, {}, warning], [61], [90], [91]])).toEqual([
    'opened',
    '',
    'updated',
    '',
    'escalated',
  ])
  expect(life([[0], [20, {}, warning], [25], [50], [55]])).toEqual(['opened', 'updated', 'updated', '', 'escalated'])
})

test('a silence ends at exactly its time, is told so with what is new, and stops the clock of the escalation', () => {
  const silenced = { ...word(1), until: at(60) }
  expect(life([[0], [2, { silenced }], [59], [60], [61], [89], [90, {}, { news: '2' }]])).toEqual([
    ...['opened', '', '', 'silence_ended', '', '', 'updated escalated'],
  ])
  expect(life([[0], [70, { silenced }, { news: '2' }]])[1]).toBe('updated silence_ended')
})

test('a word that was not there before is news; what is gone, or comes again, is not', () => {
  const looks = ['1', '2 1', '1', '1 2', '2 3', '2 3', '1 2 3']
  expect(life(looks.map((news, minute) => [minute, {}, { news }]))).toEqual([
    ...['opened', 'updated', '', '', 'updated', '', 'updated'],
  ])
})

test('what a former release wrote is no news, and is critical since it was opened', () => {
  const old: OpenIncident = { ...draft, openedAt: at(0), updatedAt: at(0), resolvedAt: null, news: null }
  const seen = advanceIncident(old, draft, at(10), rules)
  expect(seen.changes).toEqual([])
  expect(seen.incident).toMatchObject({ news: '1', criticalSince: at(0) })
})
