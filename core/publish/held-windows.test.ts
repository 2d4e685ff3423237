import { expect, test } from 'vitest'
import { parseInstant } from '../time/instant.js'
import { chooseHeldWindows, heldFrom } from './held-windows.js'

const hourNs = 3_600_000_000_000n
const since = parseInstant('2001-01-01T00:00:00Z')
const interval = (number: number) => ({
  start: since + BigInt(number) * hourNs,
  end: since + BigInt(number + 1) * hourNs,
})
const clock = (at: string | null) => at?.slice(11, 13) ?? null

function shown(end: number, held: readonly number[], onGap: 'block' | 'mark', reach: number | 'lifetime' = 3) {
  const reachNs = reach === 'lifetime' ? reach : BigInt(reach) * hourNs
  const found = chooseHeldWindows({
    window: { reachNs: 9n * hourNs, onGap, features: { sum: reachNs } },
    ...{ since, everyNs: hourNs, endAt: since + BigInt(end) * hourNs },
    committed: Array.from({ length: 9 }, (_, number) => interval(number)),
    holding: held.map((number) => ({ interval: interval(number), features: ['sum'] })),
  })
  return found.map(({ endAt, missing }) => [clock(endAt), ...missing.map(({ start }) => clock(start))].join())
}

test('R35, R32: a window stays at the newest end that it reaches whole, until the gap lies behind it', () => {
  expect(shown(3, [], 'block')).toEqual([])
  // Held in the hour from 3 to 4: it reaches that at 4, 5 and 6, and at 7 no longer.
  expect([3, 4, 5, 6, 7].map((end) => shown(end, [3], 'block'))).toEqual([[], ['03'], ['03'], ['03'], []])
  expect(shown(8, [3, 6], 'block')).toEqual(['03'])
  expect(shown(8, [6], 'block')).toEqual(['06'])
  expect(shown(2, [0], 'block')).toEqual([''])
  expect(shown(9, [0], 'block', 'lifetime')).toEqual([''])
})

test('R35, R32: where gaps are marked it is shown at the end of all, and names them', () => {
  expect(shown(6, [3, 5], 'mark')).toEqual(['06,03,05'])
  expect(shown(7, [3, 5], 'mark')).toEqual(['07,05'])
})

test('R35: tiles are needed from where the oldest of these ends reaches', () => {
  const window = { reachNs: 3n * hourNs, onGap: 'block' as const }
  const held = { features: ['sum'], endAt: '2001-01-01T05:00:00Z', missing: [] }
  expect(heldFrom([held], window, since, since + 7n * hourNs)).toBe(since + 2n * hourNs)
  expect(heldFrom([{ ...held, endAt: null }], window, since, since + 7n * hourNs)).toBe(since + 7n * hourNs)
})
