import { expect, test } from 'vitest'
import { isDeafOnly, isLogged } from './canary.js'

const silence = { isSilent: true, isRaised: true, failures: ['the alarm held did not come'] }

test('a canary has failed of the silence alone where its alarm was raised and told to nobody', () => {
  expect(isDeafOnly(silence)).toBe(true)
  expect(isDeafOnly({ ...silence, isRaised: null })).toBe(true)
})

test('of a rule that found nothing, an alarm that came, and any other failure a canary proves nothing', () => {
  expect(isDeafOnly({ ...silence, isRaised: false })).toBe(false)
  expect(isDeafOnly({ ...silence, isSilent: false, failures: [] })).toBe(false)
  expect(isDeafOnly({ ...silence, failures: [...silence.failures, 'the drill broke: Error: no undoing'] })).toBe(false)
  expect(isDeafOnly({ isSilent: false, isRaised: null, failures: ['interrupted'] })).toBe(false)
})

const openedAt = '2001-01-31T13:00:05Z'
const sinceMs = Date.parse(openedAt)
const line = (facts: object) => JSON.stringify({ level: 40, msg: 'incident opened: totals was held', ...facts })
const opened = { event: 'opened', rule: 'held', key: 'held/totals@v1', openedAt }

test('the watcher has raised an alarm where its log has the incident, opened since the fault', () => {
  const log = ['a line of something else', line(opened), '{"event":"opened","rule":"he'].join('\n')
  expect(isLogged(log, { alarm: 'held' }, sinceMs)).toBe(true)
  expect(isLogged(log, { alarm: 'held', keyHas: 'totals' }, sinceMs)).toBe(true)
})

test('an incident of another rule, cause, time, or its end is no alarm raised', () => {
  const isFound = (facts: object) =>
    isLogged(line({ ...opened, ...facts }), { alarm: 'held', keyHas: 'totals' }, sinceMs)
  expect(isFound({})).toBe(true)
  expect(isFound({ rule: 'failed' })).toBe(false)
  expect(isFound({ key: 'held/latest@v1' })).toBe(false)
  expect(isFound({ openedAt: '2001-01-31T13:00:04Z' })).toBe(false)
  expect(isFound({ event: 'resolved' })).toBe(false)
  expect(isLogged('', { alarm: 'held' }, sinceMs)).toBe(false)
})
