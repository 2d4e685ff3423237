import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type Pulsing, startPulse } from './attempt-pulse.js'

const hourMs = 3_600_000
const timeoutMs = 20_000

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

function attempt(given: Partial<Pulsing['info']> = {}) {
  const sent: unknown[] = []
  const info = { heartbeatTimeoutMs: timeoutMs, scheduledTimestampMs: 0, currentAttemptScheduledTimestampMs: 0 }
  const context: Pulsing = {
    info: { ...info, heartbeatDetails: undefined, ...given },
    heartbeat: (details) => sent.push(details),
  }
  const pulse = startPulse(context)
  const beatsIn = (ms: number) => {
    const before = sent.length
    vi.advanceTimersByTime(ms)
    return sent.length - before
  }
  return { context, pulse, sent, beatsIn }
}

test('beats as long as something new is told, then is silent until it counts as dead, and beats again to hear so', () => {
  const { context, sent, beatsIn, pulse } = attempt()
  for (let items = 1; items <= 5; items++) {
    context.heartbeat({ sequence: '1', items })
    expect(beatsIn(1.5 * hourMs)).toBe((1.5 * hourMs) / (timeoutMs / 4))
  }
  expect(sent.at(-1)).toMatchObject({ sequence: '1', items: 5 })
  // The same cursor, told while it waits, is nothing new.
  for (let minute = 0; minute < 30; minute++) {
    vi.advanceTimersByTime(60_000)
    context.heartbeat({ sequence: '1', items: 5 })
  }
  expect(beatsIn(2 * timeoutMs)).toBe(0)
  expect(beatsIn(10 * timeoutMs)).toBeGreaterThan(0)
  pulse.stop()
  expect(beatsIn(hourMs)).toBe(0)
})

test('carries what failed first to every attempt after it, beside whatever the step tells', () => {
  const first = { code: 'LAKE_UNREACHABLE', message: 'no answer', hint: null, facts: {} }
  const one = attempt()
  expect(one.pulse.first).toBeNull()
  one.context.heartbeat({ sequence: '1', items: 1 })
  one.pulse.keepFirst(first)
  expect(one.sent.at(-1)).toMatchObject({ sequence: '1', items: 1, first })
  const two = attempt({ heartbeatDetails: one.sent.at(-1) })
  expect(two.pulse.first).toEqual(first)
  two.context.heartbeat({ sequence: '1', items: 2 })
  two.pulse.moved()
  // A worker that dies now leaves its last beat to the next attempt.
  two.beatsIn(timeoutMs)
  const three = attempt({ heartbeatDetails: two.sent.at(-1) })
  expect(three.pulse.first).toEqual(first)
  expect(two.sent.at(-1)).toMatchObject({ sequence: '1', items: 2, movedAtMs: expect.any(Number) })
  // The same cursor is nothing new, whatever is carried beside it.
  three.context.heartbeat({ sequence: '1', items: 2 })
  expect(three.beatsIn(2 * hourMs)).toBeGreaterThan(0)
  three.context.heartbeat({ sequence: '1', items: 2 })
  expect(three.beatsIn(2 * timeoutMs)).toBe(0)
})

test('knows for how long the step has stood still, over attempts', () => {
  const first = attempt({ currentAttemptScheduledTimestampMs: hourMs })
  vi.advanceTimersByTime(hourMs)
  expect(first.pulse.stalledForMs()).toBe(2 * hourMs)
  first.context.heartbeat({ begun: [1] })
  expect(first.pulse.stalledForMs()).toBe(2 * hourMs)
  first.context.heartbeat({ sequence: '1', items: 1, begun: [] })
  vi.advanceTimersByTime(hourMs)
  first.context.heartbeat({ sequence: '1', items: 1, begun: [1] })
  expect(first.pulse.stalledForMs()).toBe(hourMs)
  const next = attempt({ currentAttemptScheduledTimestampMs: 5 * hourMs, heartbeatDetails: first.sent.at(-1) })
  expect(next.pulse.stalledForMs()).toBe(3 * hourMs)
  next.context.heartbeat({ sequence: '1', items: 2 })
  expect(next.pulse.stalledForMs()).toBe(0)
})
