import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Interval } from '../time/interval.js'
import { choosePublishEnd, type PublishEndInput, type WindowReach } from './publish-end.js'

const everyNs = 10n
const since = 1_003n
const at = (index: number): Interval => ({
  start: since + BigInt(index) * everyNs,
  end: since + BigInt(index + 1) * everyNs,
})
const input = (committed: readonly number[], window: WindowReach | null, floorAt: bigint | null): PublishEndInput => ({
  window,
  since,
  everyNs,
  committed: committed.map(at),
  floorAt,
})

const indexes = fc.uniqueArray(fc.integer({ min: 0, max: 24 }), { maxLength: 25 })
const reachNs = fc.oneof(fc.bigInt({ min: 1n, max: 130n }), fc.constant('lifetime' as const))

/** The definition, by nested loops: every grid interval that overlaps `[E - reach, E)` from `since` on. */
function missingByDefinition(committed: readonly number[], reach: bigint | 'lifetime', endAt: bigint): number[] {
  const missing: number[] = []
  for (let index = 0; at(index).start < endAt; index += 1)
    if ((reach === 'lifetime' || at(index).end > endAt - reach) && !committed.includes(index)) missing.push(index)
  return missing
}

describe('choosing E', () => {
  test('R32: block publishes at the newest end whose reached intervals are all committed', () => {
    fc.assert(
      fc.property(indexes, reachNs, (committed, reach) => {
        const whole = committed.map((index) => at(index).end)
        const allowed = whole.filter((endAt) => missingByDefinition(committed, reach, endAt).length === 0)
        const expected = allowed.sort((a, b) => Number(a - b)).at(-1) ?? null
        const chosen = choosePublishEnd(input(committed, { reachNs: reach, onGap: 'block' }, null))
        expect(chosen?.endAt ?? null).toBe(expected)
        expect(chosen?.missing ?? []).toEqual([])
      }),
    )
  })

  test('R32: mark publishes at the newest committed end and names what the windows miss there', () => {
    fc.assert(
      fc.property(indexes, reachNs, (committed, reach) => {
        fc.pre(committed.length > 0)
        const chosen = choosePublishEnd(input(committed, { reachNs: reach, onGap: 'mark' }, null))!
        expect(chosen.endAt).toBe(at(Math.max(...committed)).end)
        expect(chosen.missing).toEqual(missingByDefinition(committed, reach, chosen.endAt).map(at))
      }),
    )
  })

  test('R32: a lookup view is not blocked by older intervals', () => {
    expect(choosePublishEnd(input([2, 7], null, null))).toEqual({ endAt: at(7).end, missing: [] })
  })

  test('R29: E never moves back, and rises with every commit that it may', () => {
    fc.assert(
      fc.property(indexes, reachNs, fc.constantFrom('block' as const, 'mark' as const), (order, reach, onGap) => {
        let floorAt: bigint | null = null
        order.forEach((_, count) => {
          const committed = order.slice(0, count + 1)
          const endAt: bigint | null =
            choosePublishEnd(input(committed, { reachNs: reach, onGap }, floorAt))?.endAt ?? null
          expect(endAt).toBe(choosePublishEnd(input(committed, { reachNs: reach, onGap }, null))?.endAt ?? null)
          if (floorAt !== null) expect(endAt! >= floorAt).toBe(true)
          floorAt = endAt
        })
      }),
    )
  })

  test('R29: nothing is published below an end that an earlier publish may have shown, nor over the hole below it', () => {
    const window = { reachNs: 30n, onGap: 'block' } as const
    expect(choosePublishEnd(input([0, 1], window, at(5).end))).toBeNull()
    expect(choosePublishEnd(input([0, 1, 4, 5], window, at(5).end))).toBeNull()
    expect(choosePublishEnd(input([0, 1, 2, 3, 4, 5], window, at(5).end))?.endAt).toBe(at(5).end)
    expect(choosePublishEnd(input([0, 1], null, at(5).end))).toBeNull()
    expect(choosePublishEnd(input([0, 5], null, at(5).end))?.endAt).toBe(at(5).end)
    expect(choosePublishEnd(input([], window, null))).toBeNull()
  })

  test('R32: the drawn example', () => {
    const window = { reachNs: 30n, onGap: 'block' } as const
    expect(choosePublishEnd(input([0, 1, 2, 4, 5, 6, 7], window, null))?.endAt).toBe(at(7).end)
    expect(choosePublishEnd(input([0, 1, 2, 4, 5, 6], window, null))?.endAt).toBe(at(6).end)
    expect(choosePublishEnd(input([0, 1, 2, 4, 5], window, null))?.endAt).toBe(at(2).end)
    expect(choosePublishEnd(input([0, 1, 2, 4, 5], { ...window, onGap: 'mark' }, null))).toEqual({
      endAt: at(5).end,
      missing: [at(3)],
    })
  })
})
